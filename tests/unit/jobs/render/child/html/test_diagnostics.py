import logging

from jobs.render.child.html.diagnostics import MAX_WARNINGS, Diagnostics, FetchProblem

LOGGER = logging.getLogger("weasyprint")


def said_by(folder: str, template: str, *args: object) -> None:
    """Logs a line as if from a file of WeasyPrint."""
    LOGGER.handle(
        LOGGER.makeRecord(
            "weasyprint", logging.WARNING, f"/x/weasyprint/{folder}/__init__.py", 1, template, args, None
        )
    )


def test_codes_come_from_the_template_and_the_place_never_from_the_document() -> None:
    diagnostics = Diagnostics({})
    with diagnostics.collecting():
        said_by(
            "css", "Ignored `%s:%s` at %d:%d, %s.", "colr", "Failed to load image", 1, 2, "unknown property"
        )
        said_by("layout", "Subgrids are unsupported")
        said_by("text", "Font-face %r cannot be loaded", "Nice")
        said_by(
            "draw", '.notdef glyph rendered for Unicode string unsupported by fonts: "%s" (U+%04X)', "x", 120
        )
        said_by("", "Something new")
    assert [warning["code"] for warning in diagnostics.finish()] == [
        "css_ignored",
        "layout_unsupported",
        "font_unavailable",
        "glyph_missing",
        "render_warning",
    ]


def test_a_missing_asset_says_why_and_which() -> None:
    problems = {
        "http://a/1.png": FetchProblem("unreachable", "http://a/1.png answered with status 404."),
        "http://a/2.css": FetchProblem("asset_forbidden", "a (10.0.0.1) is refused: …"),
        "http://a/3.pdf": FetchProblem("unreachable", "http://a/3.pdf did not answer in time."),
    }
    diagnostics = Diagnostics(problems)
    with diagnostics.collecting():
        said_by("", "Failed to load image at %r: %s", "http://a/1.png", OSError("404"))
        said_by("css", "Failed to load stylesheet at %s: %s", "http://a/2.css", OSError("no"))
        said_by("pdf", "Failed to load attachment: %s", "FetchFailed: http://a/3.pdf did not answer in time.")
    assert diagnostics.finish() == [
        {"code": "image_unreachable", "message": problems["http://a/1.png"].message, "url": "http://a/1.png"},
        {"code": "asset_forbidden", "message": problems["http://a/2.css"].message, "url": "http://a/2.css"},
        {
            "code": "attachment_unreachable",
            "message": problems["http://a/3.pdf"].message,
            "url": "http://a/3.pdf",
        },
    ]


def test_an_asset_that_arrived_and_cannot_be_used_says_so_briefly() -> None:
    error = ValueError()
    error.__cause__ = ValueError("cannot identify image file")
    diagnostics = Diagnostics({})
    with diagnostics.collecting():
        said_by("", "Failed to load image at %r: %s", "data:image/png;base64," + "A" * 100_000, error)
        said_by("pdf", "Failed to load attachment: %s", "ValueError: bad data URL")
    image, attachment = diagnostics.finish()
    assert image["code"] == "image_undecodable"
    assert image["message"].endswith("cannot be used as an image: cannot identify image file")
    assert len(image["message"]) < 300
    assert len(image["url"]) <= 500
    assert attachment["code"] == "attachment_unusable"


def test_an_asset_that_weasyprint_is_silent_about_is_told_all_the_same() -> None:
    diagnostics = Diagnostics(
        {"http://a/f.woff2": FetchProblem("unreachable", "http://a/f.woff2 did not answer.")}
    )
    assert diagnostics.finish() == [
        {
            "code": "asset_unreachable",
            "message": "http://a/f.woff2 did not answer.",
            "url": "http://a/f.woff2",
        }
    ]


def test_each_warning_is_told_once_and_they_are_capped() -> None:
    diagnostics = Diagnostics({})
    with diagnostics.collecting():
        for number in range(MAX_WARNINGS + 7):
            said_by("css", "Ignored `%s`", number)
            said_by("css", "Ignored `%s`", number)
    warnings = diagnostics.finish()
    assert len(warnings) == MAX_WARNINGS + 1
    assert warnings[-1]["code"] == "more_warnings"


def test_slow_font_subsetting_is_told_once_for_all_fonts() -> None:
    diagnostics = Diagnostics({})
    with diagnostics.collecting():
        said_by("pdf", 'Using fontTools instead of HarfBuzz-Subset for font "%s". …', "A")
        said_by("pdf", 'Using fontTools instead of HarfBuzz-Subset for font "%s". …', "B")
    assert [warning["code"] for warning in diagnostics.finish()] == ["font_subsetting_slow"]


def test_lines_after_the_render_belong_to_nobody() -> None:
    diagnostics = Diagnostics({})
    with diagnostics.collecting():
        pass
    said_by("css", "Ignored")
    assert diagnostics.finish() == []
