import logging
from typing import Any

import tinycss2

from jobs.render.child.html.diagnostics import Diagnostics, FetchProblem

LOGGER = logging.getLogger("weasyprint")


def log_from(folder: str, template: str, *args: object) -> None:
    """Logs a message as a file of WeasyPrint would."""
    LOGGER.handle(
        LOGGER.makeRecord(
            "weasyprint", logging.WARNING, f"/x/weasyprint/{folder}/__init__.py", 1, template, args, None
        )
    )


def listed(diagnostics: Diagnostics) -> list[dict[str, Any]]:
    warnings, _ = diagnostics.finish().listed()
    return warnings


def test_codes_depend_on_the_template_and_the_file_and_never_on_the_document() -> None:
    diagnostics = Diagnostics({})
    with diagnostics.collecting():
        log_from(
            "css", "Ignored `%s:%s` at %d:%d, %s.", "colr", "Failed to load image", 1, 2, "unknown property"
        )
        log_from("layout", "Subgrids are unsupported")
        log_from("text", "Font-face %r cannot be loaded", "Nice")
        log_from(
            "draw", '.notdef glyph rendered for Unicode string unsupported by fonts: "%s" (U+%04X)', "x", 120
        )
        log_from("", "Something new")
    assert [warning["code"] for warning in listed(diagnostics)] == [
        "glyph_missing",
        "layout_unsupported",
        "font_unavailable",
        "render_warning",
        "css_ignored",
    ]


def test_the_warning_for_a_missing_asset_has_the_reason_and_the_url() -> None:
    problems = {
        "http://a/1.png": FetchProblem("unreachable", "http://a/1.png answered with status 404."),
        "http://a/2.css": FetchProblem("asset_forbidden", "http://a/2.css is not allowed."),
        "http://a/3.pdf": FetchProblem("unreachable", "http://a/3.pdf did not answer in time."),
    }
    diagnostics = Diagnostics(problems)
    with diagnostics.collecting():
        log_from("", "Failed to load image at %r: %s", "http://a/1.png", OSError("404"))
        log_from("css", "Failed to load stylesheet at %s: %s", "http://a/2.css", OSError("no"))
        log_from(
            "pdf", "Failed to load attachment: %s", "FetchFailed: http://a/3.pdf did not answer in time."
        )
    assert listed(diagnostics) == [
        {"code": "image_unreachable", "message": problems["http://a/1.png"].message, "url": "http://a/1.png"},
        {"code": "asset_forbidden", "message": problems["http://a/2.css"].message, "url": "http://a/2.css"},
        {
            "code": "attachment_unreachable",
            "message": problems["http://a/3.pdf"].message,
            "url": "http://a/3.pdf",
        },
    ]


def test_the_warning_for_an_unusable_asset_is_short() -> None:
    error = ValueError()
    error.__cause__ = ValueError("cannot identify image file")
    diagnostics = Diagnostics({})
    with diagnostics.collecting():
        log_from("", "Failed to load image at %r: %s", "data:image/png;base64," + "A" * 100_000, error)
        log_from("pdf", "Failed to load attachment: %s", "ValueError: bad data URL")
    image, attachment = listed(diagnostics)
    assert image["code"] == "image_undecodable"
    assert image["message"].endswith("cannot be used as an image: cannot identify image file")
    assert len(image["message"]) < 300
    assert len(image["url"]) <= 500
    assert attachment["code"] == "attachment_unusable"


def test_a_missing_asset_that_weasyprint_does_not_log_is_a_warning() -> None:
    diagnostics = Diagnostics(
        {"http://a/f.woff2": FetchProblem("unreachable", "http://a/f.woff2 did not answer.")}
    )
    assert listed(diagnostics) == [
        {
            "code": "asset_unreachable",
            "message": "http://a/f.woff2 did not answer.",
            "url": "http://a/f.woff2",
        }
    ]


def test_declarations_that_are_ignored_for_the_same_reason_are_one_warning() -> None:
    diagnostics = Diagnostics({})
    template = "Ignored `%s:%s` at %d:%d, %s."
    with diagnostics.collecting():
        log_from("css", template, "filter", " blur(3px)", 4, 9, "unknown property")
        log_from("css", template, "filter", " blur(9px)", 7, 1, "unknown property")
        log_from("css", template, "width", " red", 8, 1, "invalid value")
    assert listed(diagnostics) == [
        {
            "code": "css_ignored",
            "message": "Ignored `filter:blur(3px)`, unknown property.",
            "line": 4,
            "count": 2,
        },
        {"code": "css_ignored", "message": "Ignored `width:red`, invalid value.", "line": 8},
    ]


def test_a_rule_is_named_and_not_shown_as_an_object_of_python() -> None:
    (rule,) = tinycss2.parse_stylesheet("@foo bar;")  # type: ignore[no-untyped-call]
    diagnostics = Diagnostics({})
    with diagnostics.collecting():
        log_from("css", "Unknown empty rule %s at %d:%d", rule, 1, 1)
    assert listed(diagnostics) == [{"code": "css_ignored", "message": "Unknown empty rule @foo", "line": 1}]


def test_the_charset_of_a_stylesheet_is_no_warning() -> None:
    (rule,) = tinycss2.parse_stylesheet('@charset "UTF-8";')  # type: ignore[no-untyped-call]
    diagnostics = Diagnostics({})
    with diagnostics.collecting():
        log_from("css", "Unknown empty rule %s at %d:%d", rule, 1, 1)
    assert listed(diagnostics) == []


def test_slow_font_subsetting_is_one_warning_for_all_fonts() -> None:
    diagnostics = Diagnostics({})
    with diagnostics.collecting():
        log_from("pdf", 'Using fontTools instead of HarfBuzz-Subset for font "%s". …', "A")
        log_from("pdf", 'Using fontTools instead of HarfBuzz-Subset for font "%s". …', "B")
    assert [warning["code"] for warning in listed(diagnostics)] == ["font_subsetting_slow"]


def test_messages_after_the_render_are_not_warnings() -> None:
    diagnostics = Diagnostics({})
    with diagnostics.collecting():
        pass
    log_from("css", "Ignored")
    assert listed(diagnostics) == []
