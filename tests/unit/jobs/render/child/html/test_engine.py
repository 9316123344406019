"""The engine, run in this process; most tests look into the PDF."""

from __future__ import annotations

import base64
import errno
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image

from jobs.core.errors.job import (
    AssetForbidden,
    DocumentRefused,
    DocumentUnreachable,
    DocumentUnsupported,
    RenderFailed,
    StorageFailed,
    TemplateError,
)
from jobs.render.child.html.engine import Engine, RenderedDocument
from jobs.render.protocol.limits import FetchLimits
from testsupport.asset_fetching import asking
from testsupport.documents import SMALL
from testsupport.framework_stylesheet import framework_stylesheet
from testsupport.guarded_web import Page, guarded_web
from testsupport.hostile_web import PNG, HostileWeb
from testsupport.own_font import own_font

POINTS_PER_MM = 72 / 25.4


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with warnings.catch_warnings():
        yield Engine(asking(FetchLimits(egress_allow=("127.0.0.0/8",))))


def render(engine: Engine, document: str, format: str = "html", **options: Any) -> RenderedDocument:
    try:
        return engine.render(format, document.encode(), options, lambda step: None)
    finally:
        engine.tidy_up()


def opened(rendered: RenderedDocument) -> pikepdf.Pdf:
    return pikepdf.open(BytesIO(rendered.pdf))


def root_keys(rendered: RenderedDocument) -> set[str]:
    pdf = opened(rendered)
    return set(pdf.Root.keys())


def size_mm(rendered: RenderedDocument) -> tuple[float, float]:
    pdf = opened(rendered)
    box = [float(value) for value in pdf.pages[0].mediabox]
    return round((box[2] - box[0]) / POINTS_PER_MM, 1), round((box[3] - box[1]) / POINTS_PER_MM, 1)


def codes(rendered: RenderedDocument) -> list[str]:
    return [warning["code"] for warning in rendered.warnings]


class TestOptions:
    def test_page_options_win_over_the_document(self, engine: Engine) -> None:
        letter = "<style>@page { size: letter }</style>x"
        assert size_mm(render(engine, letter)) == (215.9, 279.4)
        assert size_mm(render(engine, letter, page_size="a5", orientation="landscape")) == (210, 148)
        assert size_mm(render(engine, letter, page_size="80mm 50mm")) == (80, 50)

    def test_zoom_scales_the_page(self, engine: Engine) -> None:
        assert size_mm(render(engine, "x", zoom=0.5)) == (105, 148.5)

    def test_metadata_wins_over_the_document(self, engine: Engine) -> None:
        metadata = {
            "title": "T",
            "authors": ["A", "B"],
            "description": "D",
            "keywords": ["k", "l"],
            "lang": "de",
        }
        document = "<html lang=en><title>Old</title><meta name=generator content=Me>"
        pdf = opened(render(engine, document, metadata=metadata | {"created": "2026-01-31"}))
        assert {key: str(value) for key, value in pdf.docinfo.items() if key != "/Producer"} == {
            "/Title": "T",
            "/Author": "A, B",
            "/Subject": "D",
            "/Keywords": "k, l",
            "/Creator": "Me",
            "/CreationDate": "D:20260131",
        }
        assert str(pdf.Root.Lang) == "de"

    def test_variants_tags_and_forms_are_in_the_pdf(self, engine: Engine) -> None:
        accessible = f"<html lang=en><title>T</title>{SMALL}"
        assert "/StructTreeRoot" in root_keys(render(engine, accessible, pdf_variant="pdf/ua-1"))
        assert "/StructTreeRoot" in root_keys(render(engine, SMALL, tagged=True))
        assert "/StructTreeRoot" not in root_keys(render(engine, SMALL))
        form = "<form><input name=a>"
        assert "/AcroForm" in root_keys(render(engine, form, forms=True))
        assert "/AcroForm" not in root_keys(render(engine, form))

    def test_media_and_stylesheets_apply(self, engine: Engine) -> None:
        document = "<style>@media screen { @page { size: a6 } }</style>x"
        assert size_mm(render(engine, document, media="screen")) == (105, 148)
        assert size_mm(render(engine, "x", stylesheets=["@page { size: a7 }", "@page { size: a8 }"])) == (
            52,
            74,
        )

    def test_relative_urls_are_resolved_with_the_base_url(self, engine: Engine, web: HostileWeb) -> None:
        web.requests.clear()
        assert codes(render(engine, "<img src=pixel.png>", base_url=web.url("/dir/../"))) == []
        assert web.paths == ["/pixel.png"]
        assert codes(render(engine, "<p>x<img src=pixel.png>")) == ["relative_url"]

    def test_large_images_are_scaled_down_to_the_resolution_asked_for(self, engine: Engine) -> None:
        noise = Image.effect_noise((400, 400), 90)
        noise.save(buffer := BytesIO(), "JPEG", quality=95)
        source = f'<img style="width:1in" src="data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
        whole = len(render(engine, source).pdf)
        assert len(render(engine, source, image_dpi=50).pdf) < whole / 4
        assert len(render(engine, source, image_quality=5).pdf) < whole / 2


class TestTitle:
    @pytest.mark.parametrize(
        ("html", "title"),
        [
            ("<title> A\n <b>&amp; B</title><h1>C</h1>", "A <b>& B"),
            (
                "<title> </title><p>x<h3></h3><h2>First\n <i>heading</i><!-- c --></h2><h1>Second",
                "First heading",
            ),
            ("<svg><title>of a picture</title></svg><h1>C</h1>", "C"),
            ("<h1>" + "x" * 1_000_000, "x" * 200),
            ("<p>x", None),
        ],
    )
    def test_it_is_that_of_the_head_or_the_first_heading(
        self, engine: Engine, html: str, title: str | None
    ) -> None:
        assert render(engine, html + "<style>h1 { display: none }</style>").title == title

    def test_the_option_wins(self, engine: Engine) -> None:
        assert render(engine, "<title>A</title>", metadata={"title": "B"}).title == "B"

    def test_that_of_markdown_is_in_its_front_matter(self, engine: Engine) -> None:
        assert render(engine, "---\ntitle: A\n---\n# B", format="markdown").title == "A"


class TestInputs:
    def test_markdown_becomes_a_titled_pdf_without_warnings(self, engine: Engine) -> None:
        rendered = render(engine, "# Hello\n\n| a |\n|---|\n| 1 |\n\nNote[^1]\n\n[^1]: Yes.", "markdown")
        pdf = opened(rendered)
        assert str(pdf.docinfo["/Title"]) == "Hello"
        assert codes(rendered) == []
        assert size_mm(render(engine, "# x", "markdown", stylesheets=["@page { size: a6 }"])) == (105, 148)

    def test_a_url_is_fetched_with_its_assets(self, engine: Engine, web: HostileWeb) -> None:
        web.requests.clear()
        rendered = render(engine, web.url("/page.html"), "url")
        assert rendered.warnings == []
        assert web.paths == ["/page.html", "/pixel.png"]

    def test_a_url_that_cannot_be_fetched_fails_with_the_reason(
        self, engine: Engine, web: HostileWeb
    ) -> None:
        with pytest.raises(DocumentRefused, match="status 404"):
            render(engine, web.url("/missing"), "url")
        with pytest.raises(DocumentUnreachable, match="could not be fetched"):
            render(engine, web.url("/broken.css"), "url")
        with pytest.raises(AssetForbidden, match=r"^http://10\.0\.0\.1/ is not allowed\."):
            render(engine, "http://10.0.0.1/", "url")
        with pytest.raises(DocumentUnsupported, match="is image/png"):
            render(engine, web.url("/pixel.png"), "url")

    def test_a_url_of_markdown_is_rendered_with_its_styles_and_assets(self, engine: Engine) -> None:
        with guarded_web() as web:
            body = b"---\ntitle: Notes\n---\n# Hi\n\n- [x] done\n\n![x](img/a.png)"
            web.pages["/docs/readme.md"] = Page(body, "text/plain")
            web.pages["/docs/img/a.png"] = Page(PNG, "image/png")
            found = render(engine, web.url("/docs/readme.md"), "url")
            sent = render(engine, body.decode(), "markdown", base_url=web.url("/docs/"))
        assert (found.title, found.warnings) == ("Notes", [])
        with opened(found) as first, opened(sent) as second:
            assert first.pages[0].Contents.read_bytes() == second.pages[0].Contents.read_bytes()


class TestHostileDocuments:
    EVERY_REFERENCE = """
        <link rel=stylesheet href="{url}1"><link rel=attachment href="{url}2"><base href="{url}">
        <style>@import url({url}3); @font-face {{ font-family: f; src: url({url}4) }}
               p {{ background: url({url}5); font-family: f }} li {{ list-style-image: url({url}6) }}</style>
        <p>x<ul><li>y</ul><img src="{url}7"><embed src="{url}8"><object data="{url}9"></object>
        <a rel=attachment href="{url}10">a</a>
        <svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">
          <image xlink:href="{url}11" width="9" height="9"/><use xlink:href="{url}12#x"/></svg>
        <img src="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><image href='{url}13'/></svg>">
    """

    def test_no_kind_of_reference_reads_a_file(
        self, engine: Engine, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        directory = tmp_path_factory.mktemp("secrets")
        for number in range(20):
            (directory / f"secret{number}").write_text("TOP SECRET")
        rendered = render(engine, self.EVERY_REFERENCE.format(url=f"{directory.as_uri()}/secret"))
        assert b"TOP SECRET" not in rendered.pdf
        pdf = opened(rendered)
        assert not pdf.attachments
        forbidden = [warning for warning in rendered.warnings if warning["code"] == "asset_forbidden"]
        assert len(forbidden) >= 9

    def test_every_kind_of_reference_obeys_the_address_policy(self, engine: Engine, web: HostileWeb) -> None:
        closed = Engine(asking(FetchLimits()))
        web.requests.clear()
        rendered = render(closed, self.EVERY_REFERENCE.format(url=web.url("/pixel.png?")))
        assert web.requests == []
        assert codes(rendered).count("asset_forbidden") >= 9
        render(engine, self.EVERY_REFERENCE.format(url=web.url("/pixel.png?")))
        assert len(web.requests) >= 9, "allowed references are fetched"

    def test_a_redirect_to_cloud_metadata_is_refused_with_a_warning(
        self, engine: Engine, web: HostileWeb
    ) -> None:
        source = web.url("/redirect?http://169.254.169.254/latest/meta-data/")
        rendered = render(engine, f'<img src="{source}"><p>still here')
        assert codes(rendered) == ["asset_forbidden"]
        assert rendered.warnings[0]["url"] == source

    def test_each_kind_of_missing_asset_has_its_own_warning(self, engine: Engine, web: HostileWeb) -> None:
        css, png, font = (web.url(f"/missing.{kind}") for kind in ("css", "png", "ttf"))
        document = f"""<link rel=stylesheet href="{css}"><img src="{png}"><img src="{web.url("/style.css")}">
            <style>@font-face {{ font-family: f; src: url({font}) }} a {{ colr: red }}</style><a href="#no">x</a>"""
        assert set(codes(render(engine, document))) == {
            *("stylesheet_unreachable", "image_unreachable", "image_undecodable", "font_unavailable"),
            *("asset_unreachable", "css_ignored", "anchor_missing"),
        }

    def test_an_image_with_too_many_pixels_is_not_decoded(self, engine: Engine) -> None:
        Image.new("1", (12_000, 12_000)).save(buffer := BytesIO(), "PNG")
        rendered = render(
            engine, f'<img src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">x'
        )
        assert codes(rendered) == ["image_undecodable"]
        assert "144000000 pixels" in rendered.warnings[0]["message"]

    def test_no_warning_tells_an_address_in_memory(self, engine: Engine) -> None:
        (warning,) = render(engine, "<img alt=x src=data:image/png,no>").warnings
        assert warning["message"] == (
            "data:image/png,no cannot be used as an image: cannot identify image file"
        )

    def test_a_relative_base_does_not_become_a_local_path(self, engine: Engine) -> None:
        rendered = render(
            engine, '<base href="etc/"><a href="passwd">x</a><style>p { background: url(y.png) }</style><p>z'
        )
        assert b"file:" not in rendered.pdf
        assert set(codes(rendered)) <= {"relative_url", "relative_link", "css_ignored"}

    def test_a_document_that_is_nested_too_deeply_is_a_typed_error(self, engine: Engine) -> None:
        with pytest.raises(RenderFailed, match="nested too deeply"):
            render(engine, "<div>" * 3000)

    @pytest.mark.parametrize(
        "css",
        [
            "p { font-size: 1e30px }",
            "p { letter-spacing: 1e300px }",
            "table { border-spacing: 1e308px }",
        ],
    )
    def test_a_document_that_weasyprint_fails_at_is_a_typed_error_in_words(
        self, engine: Engine, css: str
    ) -> None:
        with pytest.raises(RenderFailed, match="a length or another number") as failed:
            render(engine, f"<style>{css}</style><table><tr><td>a<td>b</table><p>x")
        assert "Error" not in failed.value.message
        assert failed.value.__cause__ is not None


def test_a_document_leaves_nothing_in_the_shared_fonts(engine: Engine) -> None:
    shared = engine.fonts.font_map
    first = render(engine, SMALL).pdf
    assert not engine.fonts.strut_layouts
    engine.render(
        "html", b"<style>@font-face { font-family: f; src: url(data:,x) }</style>", {}, lambda step: None
    )
    assert engine.fonts.font_map is not shared
    engine.tidy_up()
    assert engine.fonts.font_map is shared
    assert render(engine, SMALL).pdf == first


def test_a_template_is_filled_and_its_stylesheet_is_parsed_once(engine: Engine) -> None:
    stylesheets = [framework_stylesheet()]
    hits = []
    for name in ("Ada", "Grace"):
        before = engine.stylesheets.hits
        rendered = engine.render(
            "template",
            b"<title>Dear {{ name }}</title><p class=btn>{{ name }}",
            {"stylesheets": stylesheets},
            lambda step: None,
            data={"name": name},
        )
        engine.tidy_up()
        with opened(rendered) as pdf:
            assert str(pdf.docinfo["/Title"]) == f"Dear {name}"
        hits.append(engine.stylesheets.hits - before)
    assert hits[1] == hits[0] + 1


def test_the_error_of_a_template_names_its_line(engine: Engine) -> None:
    with pytest.raises(TemplateError, match=r"^line 2: 'name' is undefined$"):
        render(engine, "<p>\n{{ name }}", "template")


def test_a_full_disk_is_no_fault_of_the_document(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_full(path: Path, _: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    font = base64.b64encode(own_font(900)).decode()
    document = f"<style>@font-face {{ font-family: own; src: url(data:font/ttf;base64,{font}) }}</style>x"
    monkeypatch.setattr(Path, "write_bytes", is_full)
    with pytest.raises(StorageFailed, match="no room for the temporary files") as raised:
        render(engine, document)
    assert raised.value.retryable
    monkeypatch.undo()
    assert render(engine, document).pages == 1
