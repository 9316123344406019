"""The option `page_ranges`, looked at in the PDF."""

from __future__ import annotations

import io

import pikepdf
import pypdfium2
import pytest

from jobs.core.errors.job import PageOutOfRange
from tests.unit.jobs.render.child.html.conftest import Render

DOCUMENT = "<html lang=en><title>T</title><style>h1 { break-before: page }</style>" + "".join(
    f"<h1 id=c{number}>Chapter {number}</h1><h2>Part {number}</h2>"
    f"<p><a href='#c{number % 5 + 1}'>next</a> <a href='https://example.org/{number}'>out</a>"
    for number in range(1, 6)
)


def texts(pdf: pikepdf.Pdf) -> list[str]:
    written = io.BytesIO()
    pdf.save(written)
    document = pypdfium2.PdfDocument(written.getvalue())  # type: ignore[no-untyped-call]
    return [page.get_textpage().get_text_bounded().split("\r\n")[0] for page in document]


def links(pdf: pikepdf.Pdf) -> list[list[str]]:
    """The targets of all links, by page."""
    return [
        [str(link.A.URI if "/A" in link else link.Dest) for link in page.obj.get("/Annots", [])]
        for page in pdf.pages
    ]


def test_only_the_pages_that_were_asked_for_are_there(render: Render) -> None:
    pdf, warnings = render(DOCUMENT, page_ranges="2-3,5-")
    assert texts(pdf) == ["Chapter 2", "Chapter 3", "Chapter 5"]
    assert warnings == []


def test_pages_keep_their_order_and_come_once(render: Render) -> None:
    pdf, _ = render(DOCUMENT, page_ranges="4,1-2,2")
    assert texts(pdf) == ["Chapter 1", "Chapter 2", "Chapter 4"]


def test_links_to_pages_that_are_gone_go_without_a_warning(render: Render) -> None:
    pdf, warnings = render(DOCUMENT, page_ranges="1-2,4")
    assert links(pdf) == [
        ["c2", "https://example.org/1"],
        ["https://example.org/2"],
        ["https://example.org/4"],
    ]
    assert [name for name in pdf.Root.Names.Dests.Names if isinstance(name, pikepdf.String)] == [
        "c1",
        "c2",
        "c4",
    ]
    assert warnings == []


def test_a_link_to_nowhere_is_still_told(render: Render) -> None:
    _, warnings = render(DOCUMENT + "<a href='#nowhere'>x</a>", page_ranges="5")
    assert [warning["code"] for warning in warnings] == ["anchor_missing"]


def test_bookmarks_of_pages_that_are_gone_go(render: Render) -> None:
    pdf, _ = render(DOCUMENT, page_ranges="2,5")
    with pdf.open_outline() as outline:
        assert [(item.title, [child.title for child in item.children]) for item in outline.root] == [
            ("Chapter 2", ["Part 2"]),
            ("Chapter 5", ["Part 5"]),
        ]


@pytest.mark.parametrize("variant", ["pdf/ua-1", "pdf/a-3a"])
def test_tags_of_pages_that_are_gone_go(render: Render, variant: str) -> None:
    pdf, warnings = render(DOCUMENT, page_ranges="2,5", pdf_variant=variant)
    pages = {page.obj.objgen for page in pdf.pages}
    elements = [each for each in pdf.objects if isinstance(each, pikepdf.Dictionary)]
    tagged = [each.Pg.objgen for each in elements if each.get("/Type") == "/StructElem" and "/Pg" in each]
    assert set(tagged) == pages
    assert len(pdf.Root.StructTreeRoot.K[0].K) == 6
    assert warnings == []


def test_a_page_that_does_not_exist_fails_the_document(render: Render) -> None:
    with pytest.raises(
        PageOutOfRange, match=r"shorter than page_ranges asks for: there is no page 6: it has 5"
    ):
        render(DOCUMENT, page_ranges="1,6-")
