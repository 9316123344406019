"""Tags, as they are in the finished PDF."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import pytest

from jobs.render.child.pdf.conformance.structure import Tag, structure_of
from testsupport.conforming import rendered

WORDS = "some words " * 700
"""More than a page."""
BOTH = ("pdf/ua-1", "pdf/ua-2")


class Tags(list[Tag]):
    """The tags of a PDF, which stays open with them."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        super().__init__(structure_of(pdf, ()).tags)
        self.pdf = pdf


def tags(body: str, css: str = "", **options: Any) -> Tags:
    """Returns the tags of a document. By the checks, it is PDF/UA."""
    html = f"<html lang=en><title>t</title><style>@page {{ size: 300pt }} {css}</style>{body}"
    found = rendered(html, pdf_variant="pdf/ua-1", **options)
    assert found.conformance[0]["failed"] == []
    return Tags(pikepdf.open(io.BytesIO(found.pdf)))


def shape(found: list[Tag]) -> str:
    """Returns the types of tags with their nesting, without `Span`."""

    def of(tag: Tag) -> str:
        inner = " ".join(of(child) for child in tag.children if child.type != "Span")
        return f"{tag.type}({inner})" if inner else tag.type

    return " ".join(of(tag) for tag in found if tag.parent is not None and tag.parent.type == "Document")


def values(found: list[Tag], type: str, key: str) -> list[str]:
    return [str(tag.attribute(key)) for tag in found if tag.type == type]


def test_headers_and_footers_of_pages_are_artifacts_but_their_links_have_tags() -> None:
    css = (
        "@page { @top-left { content: element(h) } @bottom-left { content: counter(page) } }"
        ".h { position: running(h) }"
    )
    assert shape(tags("<div class=h>Head <a href=https://x.example>y</a></div><p>x", css)) == "P Link"


@pytest.mark.parametrize(
    "image",
    [
        "<img src=picture.png alt=''>",
        "<img src=picture.png alt=x role=presentation>",
        "<svg width=9 height=9 aria-hidden=true><rect width=9 height=9 /></svg>",
        "<b aria-hidden=true>icon</b>",
    ],
)
def test_decoration_is_an_artifact(image: str) -> None:
    assert shape(tags(f"<p>x {image}")) == "P"


def test_an_image_that_css_puts_before_something_is_decoration() -> None:
    found = tags("<p>x", "p::before { content: url(picture.png) }")
    assert [tag.type for tag in found if tag.type == "Figure"] == []


def test_cells_that_are_hidden_stay_part_of_the_table() -> None:
    found = tags("<table><tr><td aria-hidden=true>1<td>2</table>")
    assert shape(found) == "Table(TBody(TR(TD TD)))"


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("<img src=picture.png alt=a>", "a"),
        ("<img src=picture.png aria-label=b>", "b"),
        ("<img src=picture.png aria-labelledby='q r'>", "Q R"),
        ("<svg width=9 height=9><title>c</title></svg>", "c"),
        ("<svg width=9 height=9 aria-label=d><rect width=9 height=9 /></svg>", "d"),
    ],
)
def test_images_have_the_text_that_they_have_in_a_browser(image: str, text: str) -> None:
    found = tags(f"<p>{image}</p><p id=q>Q</p><p id=r>R</p>")
    assert [str(tag.element.get("/Alt")) for tag in found if tag.type == "Figure"] == [text]


def test_the_box_of_an_image_is_in_points_from_the_bottom_of_the_page() -> None:
    css = "@page { margin: 30pt } body { margin: 0 } img { display: block; width: 60pt; height: 40pt }"
    for zoom in (1, 2):
        found = tags("<img src=picture.png alt=x>", css, zoom=zoom)
        (figure,) = (tag for tag in found if tag.type == "Figure")
        box = [float(edge) for edge in figure.attribute("/BBox")]
        assert box == pytest.approx([zoom * each for each in (30, 230, 90, 270)])


@pytest.mark.parametrize(
    ("rows", "scopes"),
    [
        ("<thead><tr><th>a<th>b<tbody><tr><td>1<td>2", ["Column", "Column"]),
        ("<tr><th>a<th>b<tr><td>1<td>2", ["Column", "Column"]),
        ("<tr><td><th>a<th>b<tr><th>r<td>1<td>2", ["Column", "Column", "Row"]),
        ("<thead><tr><th>r<td>1<tbody><tr><td>2<td>3", ["Column"]),
        ("<tr><th scope=col>a<td>1<tr><th scope=rowgroup>b<td>2", ["Column", "Row"]),
    ],
)
def test_headers_of_tables_say_what_they_head(rows: str, scopes: list[str]) -> None:
    found = tags(f"<table>{rows}</table>")
    assert values(found, "TH", "/Scope") == [f"/{scope}" for scope in scopes]


def test_cells_name_the_header_of_their_row() -> None:
    found = tags("<table><tr><td><th>a<tr><th>r<td>1</table>")
    ids = {bytes(tag.element.ID) for tag in found if tag.type == "TH"}
    (cell,) = (tag for tag in found if tag.type == "TD" and tag.attribute("/Headers") is not None)
    assert {bytes(each) for each in cell.attribute("/Headers")} == ids


def test_identifiers_of_headers_are_in_the_tree_of_identifiers() -> None:
    found = tags("<table><tr><th>a<th>b<tr><td>1<td>2</table>")
    names = list(found.pdf.Root.StructTreeRoot.IDTree.Names)
    assert [bytes(each) for each in names[::2]] == sorted(
        bytes(t.element.ID) for t in found if t.type == "TH"
    )


def test_rows_without_all_cells_are_filled() -> None:
    assert (
        shape(tags("<table><tr><td>1<td>2<td>3<tr><td>4</table>"))
        == "Table(TBody(TR(TD TD TD) TR(TD TD TD)))"
    )
    spans = "<table><tr><td rowspan=2>1<td>2<tr><td>3</table>"
    assert shape(tags(spans)) == "Table(TBody(TR(TD TD) TR(TD)))"


def test_tables_over_several_pages_are_regular() -> None:
    rows = "".join(f"<tr><td rowspan=3>{n}<td>x<tr><td>y<tr><td>z" for n in range(30))
    found = tags(f"<table><thead><tr><th>a<th>b<tbody>{rows}</table>")
    assert len([tag for tag in found if tag.type == "Table"]) > 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"<div>{WORDS}<p>{WORDS}</p></div>", "Div(Div P)"),
        (f"<h1>{WORDS}</h1>", "H1"),
        (f"<ul><li>{WORDS}<li>x</ul>", "L(LI(Lbl LBody) LI(Lbl LBody))"),
        (f"<div style='columns: 2'><p>{WORDS}</p></div>", "Div(Div(P))"),
    ],
)
def test_what_a_page_break_divides_is_one_tag(body: str, expected: str) -> None:
    found = tags(body)
    assert shape(found) == expected
    pages = {page for tag in found for page, _ in tag.mcids}
    assert len(pages) > 1


def test_a_table_that_is_displayed_as_a_block_is_one_table() -> None:
    assert shape(tags("<table><tr><td>1</table>", "table { display: block }")) == "Div(Table(TBody(TR(TD))))"
    assert shape(tags("<table><tr><td>1</table>", "* { display: block }")).count("Table") <= 1


@pytest.mark.parametrize(
    ("html", "numbering"),
    [
        ("<ul><li>x</ul>", "Disc"),
        ("<ol><li>x</ol>", "Decimal"),
        ("<ol style='list-style-type: lower-roman'><li>x</ol>", "LowerRoman"),
        ("<ol style='list-style-type: thai'><li>x</ol>", "Decimal"),
    ],
)
def test_lists_say_of_which_kind_their_labels_are(html: str, numbering: str) -> None:
    assert values(tags(html), "L", "/ListNumbering") == [f"/{numbering}"]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<dl><dt>a<dd>b</dl>", "L(LI(LBody) LI(LBody))"),
        ("<dl><div><dt>a<dd>b</div><div><dt>c<dd>d</div></dl>", "L(LI(LBody) LI(LBody) LI(LBody) LI(LBody))"),
        ("<ul><li>a<ul><li>b</ul></ul>", "L(LI(Lbl LBody) L(LI(Lbl LBody)))"),
        ("<div><li>a</div>", "Div(L(LI(Lbl LBody)))"),
        ("<ul><p>a</p><li>b</ul>", "L(LI(LBody(P)) LI(Lbl LBody))"),
    ],
)
def test_lists_have_items_with_a_label_or_a_body(html: str, expected: str) -> None:
    assert shape(tags(html)) == expected


def test_a_term_that_is_displayed_as_a_table_is_one_item() -> None:
    found = tags("<dl><dt style='display: table'>a<dd>b</dl>")
    assert [tag.type for tag in found if tag.type in ("L", "LI", "LBody")] == [
        "L",
        "LI",
        "LBody",
        "LI",
        "LBody",
    ]


def test_a_link_with_an_image_in_it_is_one_link() -> None:
    found = tags("<p><a href=https://x.example><img src=picture.png alt=x></a>")
    assert shape(found) == "P(Link(Figure))"
    assert [len(tag.objects) for tag in found if tag.type == "Link"] == [2]


def test_leaders_are_artifacts_and_an_entry_of_a_table_of_contents_is_one_link() -> None:
    css = "a::after { content: leader('.') target-counter(attr(href), page) }"
    found = tags("<a href=#x>y</a><h1 id=x>X</h1>", css)
    assert shape(found) == "NonStruct(Link) H1"
    (link,) = (tag for tag in found if tag.type == "Link")
    contents = [tag for tag in found if tag.mcids and link in (tag, *tag.ancestors())]
    assert sum(len(tag.mcids) for tag in contents) == 2


def test_other_languages_and_abbreviations_are_told() -> None:
    found = tags("<p lang=de>a <abbr title='et cetera'>etc.</abbr>")
    (paragraph,) = (tag for tag in found if tag.type == "P")
    assert str(paragraph.element.Lang) == "de"
    assert [str(tag.element.E) for tag in found if "/E" in tag.element] == ["et cetera"]


@pytest.mark.parametrize("variant", ["pdf/a-3a+ua-1", "pdf/a-4+ua-2"])
@pytest.mark.parametrize("icon", ["<i class=before></i>", "<i class=icon>&#xe000;</i>"])
def test_characters_of_icon_fonts_are_decoration(icon: str, variant: str) -> None:
    css = (
        "@font-face { font-family: Icons; src: url(icons.ttf) } .icon, .before { font-family: Icons }"
        ".before::before { content: '\\e000' }"
    )
    found = rendered(f"<html lang=en><title>t</title><style>{css}</style><p>a {icon} b", pdf_variant=variant)
    assert [each["failed"] for each in found.conformance] == [[], []]


def test_content_of_transparent_groups_has_tags() -> None:
    body = "<div style='opacity: .9'>a <p style='opacity: .5'>b <a href=https://x.example>c</a></p></div><p>d"
    found = tags(body)
    assert sum(bool(tag.stream_mcids) for tag in found) == 3
    assert sum(bool(tag.mcids) for tag in found) == 1


def test_fields_have_the_labels_that_they_have_in_a_browser() -> None:
    html = (
        "<form><input name=a aria-label=A><select name=b aria-labelledby=x><option>1</select>"
        "<label>C <textarea name=c></textarea></label></form><p id=x>B</p><label for=d>D</label>"
        "<form><input id=d name=d></form>"
    )
    found = tags(html, forms=True)
    labels = [str(each.TU) for tag in found for each in tag.objects if "/TU" in each]
    assert labels == ["A", "B", "C", "D"]


def test_links_and_bookmarks_lead_to_tags_in_pdf_ua_2() -> None:
    body = "<h1 id=a>A</h1><h2>B</h2><p><a href=#a>up</a>"
    data = rendered(f"<html lang=en><title>t</title>{body}", pdf_variant="pdf/ua-2").pdf
    with pikepdf.open(io.BytesIO(data)) as pdf:
        names = pdf.Root.Names.Dests.Names
        assert names[1].SD[0].S == "/H1"
        first = pdf.Root.Outlines.First
        assert [first.SE.S, first.First.SE.S] == ["/H1", "/H2"]
        assert first.A.SD[0].objgen == first.SE.objgen
        assert first.A.D[0].objgen == pdf.pages[0].obj.objgen


def test_bookmarks_that_are_left_out_do_not_move_the_others() -> None:
    body = "<h1>A</h1><h2>B</h2><h1>C</h1>"
    options = {"bookmark_depth": 1, "initial_view": {"page": 1}}
    found = rendered(f"<html lang=en><title>t</title>{body}", pdf_variant="pdf/ua-2", **options)
    assert found.conformance[0]["failed"] == []
    with pikepdf.open(io.BytesIO(found.pdf)) as pdf:
        first = pdf.Root.Outlines.First
        tags = [tag for tag in structure_of(pdf, ()).tags if tag.type == "H1"]
        assert [first.SE.objgen, first.Next.SE.objgen] == [tag.element.objgen for tag in tags]
        assert pdf.Root.OpenAction.SD[0].objgen == tags[0].element.objgen


@pytest.mark.parametrize("variant", BOTH)
@pytest.mark.parametrize(
    "body",
    [
        "<p>a<br>b <ruby>c<rt>d</ruby> <sup>2</sup><hr><pre>e\nf</pre><blockquote>g</blockquote>",
        "<details open><summary>s</summary>d</details><fieldset><legend>l</legend>x</fieldset>",
        "<figure><img src=picture.png alt=x style='display: block'><figcaption>c</figcaption></figure>",
        "<style>.f { float: footnote }</style><p>text<span class=f>note</span>",
        "<div style='columns: 2'><p>a<p>b</div><div style='position: absolute; top: 0'>c</div>",
        "<div style='position: fixed; bottom: 0'>fixed</div><p>a<p style='page-break-before: always'>b",
        "<div style='display: flex'><ul><li>a</ul><p>b</div><div style='display: grid'><p>c</div>",
        "<div style='display: table'><div style='display: table-row'><b style='display: table-cell'>a</b></div></div>",
        "<table style='caption-side: bottom'><caption>c</caption><tr><th colspan=2>h<tr><td>a<td>b</table>",
        "<style>a::after { content: leader('.') target-counter(attr(href), page) }</style>"
        "<a href=#x>y</a><h1 id=x>X</h1>",
        "",
    ],
)
def test_what_html_and_css_have_is_tagged_as_pdf_ua_asks(body: str, variant: str) -> None:
    found = rendered(f"<html lang=en><title>t</title>{body}", pdf_variant=variant)
    assert found.conformance[0]["failed"] == []


def test_a_pdf_without_tags_is_as_before() -> None:
    with pikepdf.open(io.BytesIO(rendered("<p>x<img src=picture.png alt=''>").pdf)) as pdf:
        assert "/StructTreeRoot" not in pdf.Root
        assert b"BDC" not in pdf.pages[0].Contents.read_bytes()
