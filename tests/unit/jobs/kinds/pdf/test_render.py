import base64
import contextlib
import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from weasyprint.pdf import VARIANTS

from jobs.core.errors.job import StrictWarnings
from jobs.core.errors.request import InvalidInput
from jobs.core.job import Claim, Progress, Result
from jobs.kinds import Run
from jobs.kinds.pdf.render import PDF_RENDER
from jobs.kinds.pdf.values import PdfVariant
from jobs.render.parent.pool import RenderOutcome
from jobs.render.protocol.messages import RenderRequest
from testsupport.invoices import GUIDELINES, invoice_xml

HTML = {"html": "<p>x"}


def pointers(input: Any, options: Any) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        PDF_RENDER.canonical(input, options)
    return [error["pointer"] for error in refused.value.extra["errors"]]


def attached(name: str, profile: str, **others: Any) -> dict[str, Any]:
    """The XML of an invoice as an attachment."""
    xml = base64.b64encode(invoice_xml(GUIDELINES[profile])).decode()
    return {"name": name, "data": xml, **others}


def invoice(profile: str, *, xml_of: str = "", file: str = "", **others: Any) -> dict[str, Any]:
    """Options of an invoice, with another `file` name, or the XML of another profile."""
    name = file or ("xrechnung.xml" if profile == "XRECHNUNG" else "factur-x.xml")
    return {
        "pdf_variant": "pdf/a-3b",
        "invoice": {"profile": profile, **({"file": file} if file else {})},
        "attachments": [attached(name, xml_of or profile, **others)],
    }


class TestCanonical:
    @pytest.mark.parametrize("profile", GUIDELINES)
    def test_an_invoice_needs_no_more_than_its_profile(self, profile: str) -> None:
        options = PDF_RENDER.canonical(HTML, invoice(profile))["options"]
        assert options["invoice"]["file"] == options["attachments"][0]["name"]
        assert "relationship" not in options["attachments"][0]

    @pytest.mark.parametrize(
        ("profile", "relationships"),
        [
            ("MINIMUM", ["data"]),
            ("BASIC WL", ["data"]),
            ("BASIC", ["alternative", "source", "data"]),
            ("EN 16931", ["alternative", "source", "data"]),
            ("EXTENDED", ["alternative", "source", "data"]),
            ("XRECHNUNG", ["alternative"]),
        ],
    )
    def test_relationships_that_the_profile_allows_are_accepted(
        self, profile: str, relationships: list[str]
    ) -> None:
        for relationship in relationships:
            options = invoice(profile, relationship=relationship)
            assert PDF_RENDER.canonical(HTML, options)["options"]["attachments"] == options["attachments"]

    def test_the_xml_of_an_uploaded_invoice_is_checked(self) -> None:
        options = invoice("BASIC")
        options["attachments"] = [{"name": "factur-x.xml", "file": "in/invoice.xml"}]
        PDF_RENDER.canonical(HTML, options, {"in/invoice.xml": invoice_xml(GUIDELINES["BASIC"])})
        with pytest.raises(InvalidInput, match="it is not well-formed: syntax error") as refused:
            PDF_RENDER.canonical(HTML, options, {"in/invoice.xml": b"no XML"})
        assert refused.value.extra["errors"][0]["pointer"] == "/options/attachments/0"

    @pytest.mark.parametrize(
        ("input", "expected"),
        [
            ({"html": "<p>x"}, {"html": "<p>x"}),
            ({"markdown": "# x"}, {"markdown": "# x"}),
            ({"url": "https://example.com/a"}, {"url": "https://example.com/a"}),
        ],
    )
    def test_each_input_is_accepted_without_options(self, input: Any, expected: Any) -> None:
        for options in (None, {}):
            assert PDF_RENDER.canonical(input, options) == {"input": expected, "options": {}}

    def test_every_option_is_stored_in_a_form_that_json_keeps(self) -> None:
        options = {
            "page_size": "A5",
            "orientation": "landscape",
            "margins": {"left": "1cm"},
            "stylesheets": ["p { color: red }"],
            "media": "screen",
            "base_url": "https://example.com/docs/",
            "pdf_variant": "pdf/ua-1",
            "metadata": {
                "title": "T",
                "authors": ["A", "B"],
                "description": "D",
                "keywords": ["k"],
                "generator": "G",
                "lang": "de-AT",
                "created": "2026-01-31",
                "modified": "2026-01-31T12:00:00+01:00",
            },
            "tagged": True,
            "forms": True,
            "header_html": {"default": "<p>h", "first": "", "left": "l", "right": "r"},
            "footer_html": {"first": "f"},
            "page_ranges": "1-3,8-",
            "bookmark_depth": 2,
            "initial_view": {
                "page": 2,
                "zoom": "fit_width",
                "page_layout": "two_page_right",
                "page_mode": "bookmarks",
                "display_title": True,
            },
            "zoom": 1.5,
            "image_quality": 80,
            "image_dpi": 150,
            "optimize": {"target_bytes": 500_000},
            "filename": "rechnung.PDF",
            "strict": False,
        }
        canonical = PDF_RENDER.canonical(HTML, options)
        assert json.loads(json.dumps(canonical)) == {"input": HTML, "options": options | {"page_size": "a5"}}

    def test_a_leap_second_in_the_metadata_is_the_second_that_follows(self) -> None:
        canonical = PDF_RENDER.canonical(HTML, {"metadata": {"created": "2016-12-31T15:59:60-08:00"}})
        assert canonical["options"]["metadata"]["created"] == "2016-12-31T16:00:00-08:00"

    def test_one_margin_is_used_for_all_sides(self) -> None:
        sides = {"top": "15mm", "right": "15mm", "bottom": "15mm", "left": "15mm"}
        assert PDF_RENDER.canonical(HTML, {"margins": "15mm"})["options"] == {"margins": sides}

    def test_one_header_is_used_for_all_pages(self) -> None:
        assert PDF_RENDER.canonical(HTML, {"header_html": "<p>h"})["options"] == {
            "header_html": {"default": "<p>h"}
        }

    def test_a_file_name_ends_in_pdf(self) -> None:
        assert PDF_RENDER.canonical(HTML, {"filename": "Rechnung ä"})["options"] == {
            "filename": "Rechnung ä.pdf"
        }

    @pytest.mark.parametrize(
        ("input", "pointer"),
        [
            (None, "/input"),
            ([], "/input"),
            ("<p>", "/input"),
            ({}, "/input"),
            ({"html": None}, "/input"),
            ({"html": "x", "markdown": "y"}, "/input"),
            ({"html": ""}, "/input/html"),
            ({"html": 5}, "/input/html"),
            ({"html": "lone \ud800 surrogate"}, "/input/html"),
            ({"html": "x", "a/b~c": 1}, "/input/a~1b~0c"),
            ({"template": "Invoice"}, "/input/template"),
            ({"template": "a" * 65}, "/input/template"),
            ({"template": "invoice", "html": "x"}, "/input"),
            ({"template": "invoice", "data": []}, "/input/data"),
            ({"template": "invoice", "data": None}, "/input"),
            ({"template": "invoice", "version": 0}, "/input/version"),
            ({"html": "x", "data": {}}, "/input"),
            ({"url": "file:///etc/passwd"}, "/input/url"),
            ({"url": "https://user:secret@example.com/"}, "/input/url"),
            ({"url": "/relative"}, "/input/url"),
        ],
    )
    def test_invalid_input_is_refused_with_its_pointer(self, input: Any, pointer: str) -> None:
        assert pointer in pointers(input, {})

    @pytest.mark.parametrize(
        ("options", "pointer"),
        [
            ([], "/options"),
            ({"attachments": [{"name": "a"}]}, "/options/attachments/0"),
            ({"attachments": [{"name": "a", "data": "", "file": "b"}]}, "/options/attachments/0"),
            ({"attachments": [{"name": "a", "data": "é"}]}, "/options/attachments/0/data"),
            ({"attachments": [{"name": "a/b", "data": ""}]}, "/options/attachments/0/name"),
            ({"attachments": [{"name": "a", "file": "not-sent.xml"}]}, "/options/attachments/0/file"),
            ({"attachments": [{"name": "a", "data": ""}] * 2}, "/options/attachments"),
            (
                {"attachments": [{"name": "a", "data": ""}], "pdf_variant": "pdf/a-1b"},
                "/options/attachments",
            ),
            (
                {
                    "invoice": {"profile": "EN 16931"},
                    "attachments": [attached("factur-x.xml", "EN 16931")],
                },
                "/options/invoice",
            ),
            (invoice("EN 16931", file="xrechnung.xml"), "/options/invoice"),
            (invoice("XRECHNUNG", file="factur-x.xml"), "/options/invoice"),
            (invoice("BASIC", relationship="unspecified"), "/options/attachments/0/relationship"),
            (invoice("BASIC", relationship="supplement"), "/options/attachments/0/relationship"),
            (invoice("MINIMUM", relationship="alternative"), "/options/attachments/0/relationship"),
            (invoice("BASIC WL", relationship="source"), "/options/attachments/0/relationship"),
            (invoice("XRECHNUNG", relationship="data"), "/options/attachments/0/relationship"),
            (invoice("EN 16931", xml_of="BASIC"), "/options/attachments/0"),
            (invoice("EN 16931", data="PGEv"), "/options/attachments/0"),
            ({"invoice": {"profile": "BASIC"}, "pdf_variant": "pdf/a-3b"}, "/options/invoice/file"),
            ({"encrypt": {}}, "/options/encrypt"),
            ({"encrypt": {"user_password": "x"}, "pdf_variant": "pdf/a-3b"}, "/options/encrypt"),
            ({"encrypt": {"user_password": "x"}, "pdf_variant": "pdf/x-4"}, "/options/encrypt"),
            ({"watermark": {"text": "x", "color": "red;}"}}, "/options/watermark/color"),
            ({"watermark": {"text": "x"}, "pdf_variant": "pdf/ua-1"}, "/options/watermark"),
            ({"forms": True, "pdf_variant": "pdf/a-1a+ua-1"}, "/options/forms"),
            ({"encrypt": {"user_password": "x"}, "pdf_variant": "pdf/a-2a+ua-1"}, "/options/encrypt"),
            ({"page-size": "A4"}, "/options/page-size"),
            ({"page_size": ""}, "/options/page_size"),
            ({"page_size": "A99"}, "/options/page_size"),
            ({"page_size": 4}, "/options/page_size"),
            ({"orientation": "upside-down"}, "/options/orientation"),
            ({"margins": "2"}, "/options/margins"),
            ({"margins": 2}, "/options/margins"),
            ({"margins": {"left": "2em"}}, "/options/margins/left"),
            ({"margins": {"inner": "2cm"}}, "/options/margins/inner"),
            ({"stylesheets": "p {}"}, "/options/stylesheets"),
            ({"stylesheets": ["p {}", 1]}, "/options/stylesheets/1"),
            ({"media": "tv"}, "/options/media"),
            ({"base_url": "file:///"}, "/options/base_url"),
            ({"base_url": "images/"}, "/options/base_url"),
            ({"pdf_variant": "pdf/a"}, "/options/pdf_variant"),
            ({"metadata": {"titel": "x"}}, "/options/metadata/titel"),
            ({"metadata": {"authors": "A"}}, "/options/metadata/authors"),
            ({"metadata": {"created": "2026-02-30"}}, "/options/metadata/created"),
            ({"metadata": {"created": "20260131"}}, "/options/metadata/created"),
            ({"metadata": {"created": "2026-01-31T12:00:60Z"}}, "/options/metadata/created"),
            ({"metadata": {"lang": "<b>"}}, "/options/metadata/lang"),
            ({"tagged": "yes"}, "/options/tagged"),
            ({"zoom": 0}, "/options/zoom"),
            ({"shrink_to_fit": "yes"}, "/options/shrink_to_fit"),
            ({"zoom": 1e9}, "/options/zoom"),
            ({"zoom": float("nan")}, "/options/zoom"),
            ({"zoom": "1"}, "/options/zoom"),
            ({"zoom": True}, "/options/zoom"),
            ({"header_html": {}}, "/options/header_html"),
            ({"header_html": 1}, "/options/header_html"),
            ({"header_html": {"even": "x"}}, "/options/header_html/even"),
            ({"header_html": "x" * 1_000_001}, "/options/header_html/default"),
            ({"footer_html": {"first": 1}}, "/options/footer_html/first"),
            ({"page_ranges": ""}, "/options/page_ranges"),
            ({"page_ranges": "3-1"}, "/options/page_ranges"),
            ({"page_ranges": [1]}, "/options/page_ranges"),
            ({"bookmark_depth": -1}, "/options/bookmark_depth"),
            ({"initial_view": {"page": 0}}, "/options/initial_view/page"),
            ({"initial_view": {"zoom": "width"}}, "/options/initial_view/zoom"),
            ({"initial_view": {"zoom": 150}}, "/options/initial_view/zoom"),
            ({"initial_view": {"page_mode": "outlines"}}, "/options/initial_view/page_mode"),
            ({"image_quality": 96}, "/options/image_quality"),
            ({"image_dpi": 5}, "/options/image_dpi"),
            ({"optimize": {}}, "/options/optimize/target_bytes"),
            ({"optimize": {"target_bytes": 9_999}}, "/options/optimize/target_bytes"),
            ({"optimize": {"target_bytes": "1MB"}}, "/options/optimize/target_bytes"),
            ({"filename": "../x.pdf"}, "/options/filename"),
            ({"filename": 'a"b.pdf'}, "/options/filename"),
            ({"filename": "a\r\nb.pdf"}, "/options/filename"),
            ({"filename": "x" * 300}, "/options/filename"),
            ({"strict": 1}, "/options/strict"),
            ({"strict": "errors"}, "/options/strict"),
            ({"strict": []}, "/options/strict"),
            ({"strict": ["glyph_mising"]}, "/options/strict"),
        ],
    )
    def test_invalid_options_are_refused_with_their_pointer(self, options: Any, pointer: str) -> None:
        assert pointers(HTML, options) == [pointer]

    @pytest.mark.parametrize(
        ("options", "pointer"),
        [
            ({"pdf_variant": "pdf/ua-1", "tagged": False}, "/options/tagged"),
            ({"pdf_variant": "pdf/a-2b+ua-1", "tagged": False}, "/options/tagged"),
            ({"pdf_variant": "pdf/a-2a", "tagged": False}, "/options/tagged"),
            (
                {"pdf_variant": "pdf/ua-1", "initial_view": {"display_title": False}},
                "/options/initial_view/display_title",
            ),
            ({"page_size": "100mm 200mm", "orientation": "landscape"}, "/options/orientation"),
            ({"page_size": "A6", "margins": "60mm"}, "/options/margins"),
            (
                {"page_size": "A6", "orientation": "landscape", "margins": {"top": "110mm"}},
                "/options/margins",
            ),
        ],
    )
    def test_contradictions_are_refused_at_submission(self, options: Any, pointer: str) -> None:
        assert pointers(HTML, options) == [pointer]

    def test_all_errors_are_reported_at_once(self) -> None:
        assert pointers({}, {"zoom": "x", "strict": 2}) == ["/input", "/options/zoom", "/options/strict"]

    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        )
    )
    def test_any_json_is_either_canonical_or_refused(self, value: Any) -> None:
        for input, options in ((value, None), (HTML, value), ({"html": value}, {"margins": value})):
            with contextlib.suppress(InvalidInput):
                json.dumps(PDF_RENDER.canonical(input, options), allow_nan=False).encode()

    def test_the_pdf_variants_are_those_of_weasyprint_and_pairs_of_them(self) -> None:
        of_weasyprint = set(VARIANTS) - {"debug"} | {"pdf/a-4"}
        pairs = {
            f"{variant}+ua-{2 if variant.startswith('pdf/a-4') else 1}"
            for variant in of_weasyprint - {"pdf/a-4u"}
            if variant.startswith("pdf/a")
        }
        assert set(get_args(PdfVariant)) == of_weasyprint | pairs

    def test_submitting_does_not_load_weasyprint(self) -> None:
        script = (
            "import jobs.kinds.pdf.render, jobs.kinds.registry, sys; sys.exit('weasyprint' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


class Renderer:
    """Takes the place of the pool, and returns results with `warnings`."""

    def __init__(
        self,
        warnings: list[dict[str, Any]],
        omitted: dict[str, int] | None = None,
        title: str | None = None,
        *,
        self_contained: bool = False,
    ) -> None:
        self._title = title
        self._self_contained = self_contained
        self.requests: list[tuple[RenderRequest, str, int]] = []
        self._warnings, self._omitted = warnings, omitted or {}

    async def render(
        self, request: RenderRequest, *, tenant: str, timeout_ms: int, report: Callable[[Progress], None]
    ) -> RenderOutcome:
        self.requests.append((request, tenant, timeout_ms))
        report(Progress(50, "layout", 1))
        details = {"pages": 1, "warnings": self._warnings}
        if self._omitted:
            details["warnings_omitted"] = self._omitted
        return RenderOutcome(
            body=b"%PDF-",
            content_type="application/pdf",
            details=details,
            title=self._title,
            self_contained=self._self_contained,
        )


def run_of(spec: dict[str, Any], report: Callable[[Progress], None] = lambda progress: None) -> Run:
    claim = Claim("job_1", "acme", "pdf.render", 1, 0, 1, None, None, None, b"")
    return Run(claim=claim, spec=spec, timeout_ms=700, report=report)


class TestRunner:
    async def test_the_pool_renders_the_spec_and_its_pdf_is_the_result(self) -> None:
        renderer, reports = Renderer([]), []
        spec = PDF_RENDER.canonical({"markdown": "# x"}, {"zoom": 2, "filename": "a"})
        result = await PDF_RENDER.runner(renderer)(run_of(spec, reports.append))  # type: ignore[arg-type]
        request = RenderRequest(format="markdown", document="# x", options={"zoom": 2, "filename": "a.pdf"})
        assert renderer.requests == [(request, "acme", 700)]
        assert (result.body, result.content_type, result.filename) == (b"%PDF-", "application/pdf", "a.pdf")
        assert result.details == {"pages": 1, "warnings": [], "cached": False}
        assert reports == [Progress(50, "layout", 1)]

    async def test_the_place_of_the_document_among_its_files_is_kept_only_if_it_is_given(self) -> None:
        renderer = Renderer([])
        for input in ({"markdown": "# x", "index": "ref/p.html"}, {"markdown": "# x"}):
            spec = PDF_RENDER.canonical(input, {})
            assert spec["input"] == input
            await PDF_RENDER.runner(renderer)(run_of(spec))  # type: ignore[arg-type]
        assert [request.index for request, *_ in renderer.requests] == ["ref/p.html", None]

    async def test_credentials_go_to_the_pool_and_the_result_is_never_used_again(self) -> None:
        credentials = {"https://app.example": {"cookie": "a=1"}}
        known: list[str] = []

        async def recall(key: str) -> Result | None:
            known.append(key)
            return None

        for input in (HTML, {"url": "https://app.example/"}):
            renderer = Renderer([], self_contained=True)
            spec = {"input": input, "options": {}}
            run = dataclasses.replace(run_of(spec), secrets={"credentials": credentials}, recall=recall)
            result = await PDF_RENDER.runner(renderer)(run)  # type: ignore[arg-type]
            ((request, *_),) = renderer.requests
            assert (request.credentials, request.options) == (credentials, {})
            assert (known, result.reuse_key) == ([], None)
        result = await PDF_RENDER.runner(renderer)(
            dataclasses.replace(run, secrets={}, spec={**spec, "input": HTML})
        )  # type: ignore[arg-type]
        assert known == [result.reuse_key]

    async def test_a_file_without_a_name_is_called_document_pdf(self) -> None:
        result = await PDF_RENDER.runner(Renderer([]))(run_of({"input": HTML, "options": {}}))  # type: ignore[arg-type]
        assert result.filename == "document.pdf"
        assert "title" not in result.details

    async def test_the_title_names_the_file_unless_the_caller_does(self) -> None:
        run = PDF_RENDER.runner(Renderer([], title=" Invoice\n17/2026 "))  # type: ignore[arg-type]
        for options, name in (({}, "Invoice 17-2026.pdf"), ({"filename": "a.pdf"}, "a.pdf")):
            result = await run(run_of({"input": HTML, "options": options}))
            assert (result.details["title"], result.filename) == ("Invoice 17/2026", name)

    async def test_a_strict_job_fails_because_of_its_warnings_and_lists_them(self) -> None:
        warnings = [{"code": "css_ignored", "message": f"Ignored {number}."} for number in range(12)]
        run = PDF_RENDER.runner(Renderer(warnings))  # type: ignore[arg-type]
        with pytest.raises(StrictWarnings, match=r"12 warnings.*css_ignored: Ignored 0\..*and 2 more"):
            await run(run_of({"input": HTML, "options": {"strict": True}}))
        assert (await run(run_of({"input": HTML, "options": {}}))).body

    async def test_a_strict_job_does_not_fail_because_of_warnings_about_the_machine(self) -> None:
        renderer = Renderer([{"code": "font_subsetting_slow", "message": "…"}])
        run = PDF_RENDER.runner(renderer)  # type: ignore[arg-type]
        assert (await run(run_of({"input": HTML, "options": {"strict": True}}))).body

    @pytest.mark.parametrize(
        ("strict", "refused"),
        [
            ("error", ["image_unreachable", "glyph_missing"]),
            ("warning", ["image_unreachable", "glyph_missing", "accessibility"]),
            ("info", ["image_unreachable", "glyph_missing", "accessibility", "css_ignored"]),
            (True, ["image_unreachable", "glyph_missing", "accessibility", "css_ignored"]),
            (["accessibility", "font_subsetting_slow"], ["accessibility", "font_subsetting_slow"]),
            (["pdf_repaired"], []),
            (False, []),
        ],
    )
    async def test_strict_takes_a_severity_or_codes(self, strict: Any, refused: list[str]) -> None:
        codes = ["image_unreachable", "glyph_missing", "accessibility", "font_subsetting_slow", "css_ignored"]
        run = PDF_RENDER.runner(Renderer([{"code": code, "message": "…"} for code in codes]))  # type: ignore[arg-type]
        options = PDF_RENDER.canonical(HTML, {"strict": strict})["options"]
        with pytest.raises(StrictWarnings) if refused else contextlib.nullcontext() as failed:
            await run(run_of({"input": HTML, "options": options}))
        if failed is not None:
            assert re.findall(r"(\w+): …", str(failed.value)) == refused

    async def test_a_strict_message_says_where_the_css_is_and_counts_what_is_not_listed(self) -> None:
        warning = {"code": "css_ignored", "message": "Ignored.", "source": "a.css", "line": 3}
        renderer = Renderer([warning], {"css_ignored": 4, "accessibility": 1})
        with pytest.raises(
            StrictWarnings, match=r"5 warnings.*: css_ignored: Ignored\. \(a\.css, line 3\); and 4 more"
        ):
            await PDF_RENDER.runner(renderer)(  # type: ignore[arg-type]
                run_of({"input": HTML, "options": {"strict": ["css_ignored"]}})
            )
