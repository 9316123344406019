"""The options `header_html` and `footer_html`, looked at in the PDF."""

from __future__ import annotations

import io
import re
from typing import Any, NamedTuple

import pikepdf
import pypdfium2
import pytest

from jobs.core.errors.job import RenderFailed
from tests.unit.jobs.render.child.html.conftest import Render

MM = 72 / 25.4
A4_HEIGHT = 297
SCALE = 2
COUNTERS = "<span class=page></span> of <span class=pages></span>"
WORDS = "<p>words</p>" * 70
"""Three pages of A4."""
DOT = "data:image/gif;base64,R0lGODdhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs="


class Line(NamedTuple):
    top: float
    """Its distance from the top of the page, in millimetres."""
    bottom: float
    left: float
    text: str


def pages(pdf: pikepdf.Pdf) -> list[list[Line]]:
    """The lines of each page, the topmost first."""
    written = io.BytesIO()
    pdf.save(written)
    document = pypdfium2.PdfDocument(written.getvalue())  # type: ignore[no-untyped-call]
    return [lines(page) for page in document]


def lines(page: Any) -> list[Line]:
    text, height = page.get_textpage(), page.get_height()
    found: list[Line] = []
    for number in range(text.count_rects()):
        left, bottom, right, top = text.get_rect(number)
        words = text.get_text_bounded(left, bottom, right, top).strip()
        line = Line((height - top) / MM, (height - bottom) / MM, left / MM, words)
        beside = next((other for other in found if abs(other.bottom - line.bottom) < 1), None)
        if beside is not None:
            found.remove(beside)
            line = beside._replace(text=f"{beside.text} {words}")
        found.append(line)
    return sorted(found)


def picture(pdf: pikepdf.Pdf, index: int) -> Any:
    written = io.BytesIO()
    pdf.save(written)
    page = pypdfium2.PdfDocument(written.getvalue())[index]  # type: ignore[no-untyped-call]
    return page.render(scale=SCALE).to_pil().convert("RGB")


def has_red(picture: Any) -> bool:
    colours = picture.getcolors(10**6) or []
    return any(red > 200 and green < 80 and blue < 80 for _, (red, green, blue) in colours)


def tops(pdf: pikepdf.Pdf) -> list[str]:
    """The topmost line of each page."""
    return [page[0].text for page in pages(pdf)]


def bottoms(pdf: pikepdf.Pdf) -> list[str]:
    return [page[-1].text for page in pages(pdf)]


def header(html: str = COUNTERS, **kinds: str) -> dict[str, str]:
    """The option as it is stored."""
    return {"default": html, **kinds}


def test_every_page_has_the_header_and_the_footer_with_its_counters(render: Render) -> None:
    pdf, warnings = render(WORDS, header_html=header(), footer_html=header(f"foot {COUNTERS}"))
    assert tops(pdf) == ["1 of 3", "2 of 3", "3 of 3"]
    assert bottoms(pdf) == ["foot 1 of 3", "foot 2 of 3", "foot 3 of 3"]
    assert warnings == []


def test_the_classes_of_chromium_and_css_counters_work_too(render: Render) -> None:
    html = (
        "<style>b::after { content: counter(page, upper-roman) }</style>"
        "<span class=pageNumber></span> <span class=totalPages></span> <b></b> <span class=title></span>"
    )
    pdf, warnings = render(f"<title>The title</title>{WORDS}", header_html=header(html))
    assert tops(pdf)[1] == "2 3 II The title"
    assert warnings == []


def test_an_element_that_has_content_keeps_it(render: Render) -> None:
    pdf, _ = render("words", header_html=header("<div class=page><b class=title>Mine</b></div>"))
    assert tops(pdf) == ["Mine"]


def test_kinds_of_pages_have_headers_of_their_own(render: Render) -> None:
    pdf, _ = render(
        WORDS, header_html=header("default", first="first", left="left"), footer_html={"right": "right"}
    )
    assert tops(pdf) == ["first", "left", "default"]
    assert bottoms(pdf) == ["right", "words", "right"]


def test_counters_are_those_of_the_document(render: Render) -> None:
    document = (
        "<style>@page :first { counter-reset: page 4 } h1 { string-set: chapter content(); break-before: page }"
        "</style><h1>One</h1><h1>Two</h1>"
    )
    html = "<style>b::before { content: string(chapter) }</style><b></b> " + COUNTERS
    pdf, warnings = render(document, header_html=header(html))
    assert tops(pdf) == ["One 4 of 2", "Two 5 of 2"]
    assert warnings == []


# --- room --------------------------------------------------------------------------------------


def test_a_header_that_fits_leaves_the_margins_as_they_are(render: Render) -> None:
    plain, _ = render(WORDS)
    pdf, _ = render(WORDS, header_html=header())
    assert pages(pdf)[1][1:] == pages(plain)[1]


@pytest.mark.parametrize("margin", ["0", "5mm", "20mm"])
def test_the_margin_grows_so_that_header_and_text_do_not_meet(render: Render, margin: str) -> None:
    html = "<p>high<p>high<p>high"
    options = {
        "header_html": header(html),
        "footer_html": header(html),
        "margins": {"top": margin, "bottom": margin},
    }
    pdf, warnings = render(WORDS, **options)
    for page in pages(pdf)[:-1]:
        assert [line.text for line in page] == ["high"] * 3 + ["words"] * (len(page) - 6) + ["high"] * 3
        assert page[0].top > 5
        assert page[3].top - page[2].bottom > 5
        assert page[-3].top - page[-4].bottom > 5
        assert page[-1].bottom < A4_HEIGHT - 5
    assert warnings == []


def test_only_pages_with_a_high_header_have_less_room(render: Render) -> None:
    pdf, _ = render(WORDS, header_html=header("low", first="<p>high<p>high<p>high<p>high"))
    first, second, _ = ([line for line in page if line.text == "words"] for page in pages(pdf))
    assert first[0].top > 40 > 25 > second[0].top


def test_a_header_that_is_too_high_is_cut_off_with_a_warning(render: Render) -> None:
    pdf, warnings = render(
        WORDS, header_html=header("<p style='color: red'>high" * 40), footer_html=header("foot")
    )
    assert 3 < len(pdf.pages) < 10
    page = picture(pdf, 0)
    end_of_margin = round(0.4 * page.height)
    assert has_red(page.crop((0, 0, page.width, end_of_margin)))
    assert not has_red(page.crop((0, end_of_margin + 1, page.width, page.height)))
    assert [warning["code"] for warning in warnings] == ["header_cut"]
    assert re.fullmatch(r"header_html is \d+ mm high and was cut off: .*", warnings[0]["message"])


def test_each_page_has_a_header_that_fits_its_size(render: Render) -> None:
    document = (
        "<style>@page { size: A5; margin: 25mm } @page wide { size: A5 landscape; margin: 25mm 40mm }"
        ".wide { page: wide } p { break-before: page }</style><p>a<p class=wide>b<p>c"
    )
    html = "<div style='text-align: right'>end</div>"
    pdf, _ = render(document, header_html=header(html))
    lefts = [page[0].left for page in pages(pdf)]
    assert lefts[0] == lefts[2]
    assert lefts[1] - lefts[0] == pytest.approx(210 - 148 - 15, abs=0.1)


# --- styles ------------------------------------------------------------------------------------


def drawn_in_red(pdf: pikepdf.Pdf) -> list[str]:
    """The texts that are drawn in red on the first page."""
    page, scale = picture(pdf, 0), MM * SCALE
    return [
        line.text
        for line in pages(pdf)[0]
        if has_red(page.crop((0, round(line.top * scale), page.width, round(line.bottom * scale))))
    ]


def test_the_styles_of_the_document_are_used(render: Render) -> None:
    document = "<style>body.red .brand { color: red }</style><body class=red><p>words"
    pdf, _ = render(document, header_html=header("<p class=brand>head"))
    assert drawn_in_red(pdf) == ["head"]


def test_styles_of_the_options_are_used(render: Render) -> None:
    pdf, _ = render("<p>words", header_html=header("<h6>head"), stylesheets=["h6 { color: red }"])
    assert drawn_in_red(pdf) == ["head"]


def test_own_styles_win_and_stay_in_the_header(render: Render) -> None:
    html = "<style>p { color: red } @page { size: A3; margin: 9cm; background: red }</style><p>head"
    pdf, _ = render(
        "<style>p { color: blue }</style><p>words", header_html=header(html), footer_html=header("<p>foot")
    )
    assert drawn_in_red(pdf) == ["head"]
    assert float(pdf.pages[0].mediabox[3]) == pytest.approx(A4_HEIGHT * MM, abs=1)


def test_a_whole_document_is_taken_as_a_header(render: Render) -> None:
    html = "<!doctype html><html><head><style>body { color: red }</style></head><body><p>head</body></html>"
    pdf, _ = render("<p>words", header_html=header(html))
    assert drawn_in_red(pdf) == ["head"]


@pytest.mark.parametrize(
    "style",
    [
        "body { display: flex; flex-direction: column; height: 100vh }",
        "html, body { height: 100%; margin: 0; padding: 4cm; overflow: hidden }",
        "body { height: 100%; columns: 2 }",
        "body > * { position: absolute; top: 9cm; break-before: page }",
        "* { break-inside: avoid; float: left }",
        "body::before { content: 'before'; display: block; height: 40cm }",
        "body { display: grid; grid-template-rows: auto 1fr }",
    ],
)
def test_no_style_of_the_document_takes_the_header_from_its_place(render: Render, style: str) -> None:
    pdf, _ = render(f"<style>{style}</style><p>words", header_html=header("<p>head"))
    for page in pages(pdf):
        (found,) = [line for line in page if line.text == "head"]
        assert found.top < 15


def test_the_documents_own_margin_boxes_give_way(render: Render) -> None:
    document = (
        "<style>@page { @top-left { content: 'own top' } @bottom-left { content: 'own bottom' } }"
        "@page :first { @top-center { content: 'own first' } }</style><p>words"
    )
    pdf, _ = render(document, header_html=header("head"))
    assert [line.text for line in pages(pdf)[0]] == ["head", "words", "own bottom"]
    pdf, _ = render(document, header_html=header(""))
    assert [line.text for line in pages(pdf)[0]] == ["words", "own bottom"]


# --- hostile and strange headers ---------------------------------------------------------------


@pytest.mark.parametrize(
    "html",
    [
        "<p style='break-before: page'>head",
        "<p style='break-after: right; page: other'>head",
        "<p style='float: left'>head",
        "<p style='position: absolute; top: 0'>head",
        "<p style='position: fixed; bottom: 0'>head<p>second",
        "head<p style='float: footnote'>note",
        "head<p style='position: running(other)'>other",
        "<style>* { columns: 2 }</style>head",
        "<style>html { display: none }</style>head",
        "<style>body::after { content: 'x'; break-before: page }</style>head",
        "</body></html><p>head",
        "<h1 id=here>head</h1><a href='#here'></a>",
        "<input value=head>",
        "<form>head<button>b</button></form>",
    ],
)
def test_a_header_cannot_disturb_the_document(render: Render, html: str) -> None:
    plain, _ = render(f"<h1>Title</h1>{WORDS}")
    pdf, _ = render(f"<h1>Title</h1>{WORDS}", header_html=header(html), forms=True)
    assert len(pdf.pages) == len(plain.pages)
    words = [[line for line in page if line.text == "words"] for page in pages(pdf)]
    assert all(page[0].top < 60 for page in words)
    assert sum(map(len, words)) == 70
    with pdf.open_outline() as outline:
        assert [item.title for item in outline.root] == ["Title"]
    assert "/AcroForm" not in pdf.Root or not pdf.Root.AcroForm.Fields


@pytest.mark.parametrize(
    "html", ["<frameset><frame></frameset>", "<!-- nothing -->", "<p style='display: none'>x"]
)
def test_a_header_that_shows_nothing_is_no_error(render: Render, html: str) -> None:
    pdf, warnings = render("<p>words", header_html=header(html))
    assert [line.text for line in pages(pdf)[0]] == ["words"]
    assert warnings == []


def test_a_header_that_cannot_be_drawn_is_named(render: Render) -> None:
    with pytest.raises(
        RenderFailed, match=r"^footer_html/left has a length or another number that is too large"
    ):
        render(WORDS, footer_html={"left": "<p style='letter-spacing: 1e300px'>x"})


def test_warnings_about_a_header_come_once_and_name_it(render: Render) -> None:
    html = f"<style>p {{ colour: red }}</style><p style='colour: blue'>x<img src='{DOT}' alt=x><img src=gone.png>"
    _, warnings = render(WORDS, header_html=header("ok", first=html))
    assert [(each["code"], each.get("source"), each.get("count")) for each in warnings] == [
        ("relative_url", None, None),
        ("css_ignored", "<style> element 1 in header_html/first", 2),
    ]


# --- the PDF -----------------------------------------------------------------------------------


def test_links_in_a_header_work_on_each_page(render: Render) -> None:
    html = "<a href='https://example.org/'>out</a> <a href='#start'>start</a>"
    pdf, warnings = render(f"<h1 id=start>Start</h1>{WORDS}", header_html=header(html))
    for page in pdf.pages:
        links = [str(link.A.URI if "/A" in link else link.Dest) for link in page.obj.Annots]
        assert links == ["https://example.org/", "start"]
    assert warnings == []


def test_only_links_of_a_header_are_part_of_the_tags(render: Render) -> None:
    html = f"<h2>head</h2><img src='{DOT}' alt=x><table><tr><th>a<td>b</table><a href='https://example.org/'>a</a>"
    document = f"<html lang=en><title>T</title><h1>Start</h1>{WORDS}"
    plain, _ = render(document, pdf_variant="pdf/ua-1")
    pdf, warnings = render(document, pdf_variant="pdf/ua-1", header_html=header(html))
    assert warnings == []
    kinds = [[str(element.S) for element in each.Root.StructTreeRoot.K[0].K] for each in (plain, pdf)]
    assert set(kinds[0]) == {"/H1", "/P"}
    assert sorted(kinds[1]) == sorted(kinds[0] + ["/Link"] * len(pdf.pages))


def test_a_picture_in_a_header_is_in_the_pdf_once(render: Render) -> None:
    pdf, _ = render(WORDS, header_html=header(f"<img src='{DOT}'>"))
    images = [
        each for each in pdf.objects if isinstance(each, pikepdf.Stream) and each.get("/Subtype") == "/Image"
    ]
    assert len(images) == 1


def test_pages_that_are_left_out_count(render: Render) -> None:
    pdf, _ = render(WORDS, header_html=header(), page_ranges="2-")
    assert tops(pdf) == ["2 of 3", "3 of 3"]


def test_in_a_document_from_right_to_left_the_first_page_is_a_left_one(render: Render) -> None:
    pdf, _ = render(f"<html dir=rtl>{WORDS}", header_html={"left": "left", "right": "right"})
    assert tops(pdf) == ["left", "right", "left"]


def test_pages_that_shrink_to_fit_have_their_headers(render: Render) -> None:
    wide = "<table border width=900><tr><td>wide</table>"
    pdf, warnings = render(wide + WORDS, header_html=header(), shrink_to_fit=True)
    assert [warning["code"] for warning in warnings] == []
    count = len(pdf.pages)
    assert tops(pdf) == [f"{number} of {count}" for number in range(1, count + 1)]
    assert all(page[0].top < 15 < page[1].top for page in pages(pdf))
    assert float(pdf.pages[0].mediabox[3]) == pytest.approx(A4_HEIGHT * MM, abs=1)
