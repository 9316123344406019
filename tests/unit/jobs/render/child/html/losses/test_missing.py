"""Content that is in no page, since the box around it is not broken. The pages are A6."""

from __future__ import annotations

import pytest

from tests.unit.jobs.render.child.html.losses.conftest import Warned
from testsupport.pictures import png_url

PAGE = "<style>@page { size: A6; margin: 10mm } body { margin: 0 }</style>"
TEXTS = "".join(f"<p>Text {number}</p>" for number in range(60))


@pytest.mark.parametrize(
    "style",
    [
        "height: 90mm",
        "height: 90mm; display: flex; flex-direction: column",
        "float: left",
        "position: absolute",
        "position: fixed; top: 0",
    ],
)
def test_the_end_of_a_box_that_is_not_broken_is_told(warned: Warned, style: str) -> None:
    (warning,) = warned(f"{PAGE}<h1>x</h1><div class=page style='{style}'>{TEXTS}</div>")
    assert warning["code"] == "content_cut"
    assert warning["element"] == '<div class="page"> (element 6)'
    assert warning["message"].startswith(f"{warning['element']} does not fit on its page, and the text from ")
    assert warning["page"] == 1


def test_a_text_of_which_a_part_is_missing_is_told(warned: Warned) -> None:
    (warning,) = warned(f"{PAGE}<div style='float: left'>Begin {'word ' * 900}</div>")
    assert ' and a part of the text "Begin word word word word word…" is missing. ' in warning["message"]


def test_what_follows_a_page_break_in_an_inline_block_is_told(warned: Warned) -> None:
    (warning,) = warned(
        f"{PAGE}<div style='display: inline-block'>a<p style='break-before: page'>b<p>c</div>"
    )
    assert ' and the text from "b" on is missing. ' in warning["message"]


def test_a_missing_image_is_told(warned: Warned) -> None:
    image = f"<img style='display: block; width: 60mm; height: 60mm' src='{png_url(500, 500)}'>"
    (warning,) = warned(f"{PAGE}<div style='float: left'>x{image}{image}{image}</div>")
    assert " and an image is missing. " in warning["message"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"<div>{TEXTS}</div>", id="box without a height"),
        pytest.param(f"<div style='min-height: 90mm'>{TEXTS}</div>", id="least height"),
        pytest.param(f"<div style='height: 90mm; overflow: hidden'>{TEXTS}</div>", id="hidden"),
        pytest.param(f"<div style='max-height: 0; overflow: hidden'>{TEXTS}</div>", id="closed section"),
        pytest.param(f"<div style='position: absolute; top: 999mm'>{TEXTS}</div>", id="outside"),
        pytest.param(f"<div style='position: absolute; left: -999mm'>{TEXTS}</div>", id="outside, left"),
        pytest.param(f"<div style='float: left; opacity: 0'>{TEXTS}</div>", id="transparent"),
        pytest.param(f"<div style='float: left; visibility: hidden'>{TEXTS}</div>", id="invisible"),
        pytest.param(f"<div style='float: left; display: none'>{TEXTS}</div>", id="not displayed"),
        pytest.param(f"<div style='height: 9mm; line-clamp: 1'>{'word ' * 99}</div>", id="clamped lines"),
        pytest.param(
            "<h2 style='position: running(title)'>A title that no margin box uses</h2>", id="running"
        ),
        pytest.param(
            "<style>@page { @top-left { content: element(title) } } h2 { position: running(title) }</style>"
            f"<h2>A title in the header</h2>{TEXTS}",
            id="running and used",
        ),
        pytest.param(
            f"<div style='float: left; width: 50%'>{TEXTS}</div><div style='margin-left: 50%'>{TEXTS * 2}</div>",
            id="float beside a longer text",
        ),
        pytest.param(
            "<style>a::after { content: leader('.') target-counter(attr(href), page) }</style>"
            "<ul style='float: left; width: 80%'><li><a href='#end'>The end</a></ul><p id=end>x",
            id="table of contents",
        ),
        pytest.param(
            f"<table><thead><tr><th>Head<tbody>{'<tr><td>cell' * 90}</table>", id="table over pages"
        ),
        pytest.param("<pre style='height: 90mm'>a\n\n\nb   \n c</pre>", id="preformatted"),
        pytest.param(
            f"<p style='hyphens: auto; height: 90mm' lang=en>{'incomprehensibility ' * 30}", id="hyphens"
        ),
        pytest.param(f"<p style='height: 90mm; text-align: justify'>{'word &shy; ' * 99}", id="justified"),
        pytest.param(
            "<div style='height: 50mm'><p>Note<span style='float: footnote'>x</span></div>", id="footnote"
        ),
    ],
)
def test_nothing_is_told_if_all_is_drawn_or_hidden(warned: Warned, content: str) -> None:
    assert [each for each in warned(f"{PAGE}<h1>x</h1>{content}") if each["code"] == "content_cut"] == []


def test_pages_that_are_not_chosen_are_not_missing(warned: Warned) -> None:
    tall = f"{PAGE}<div style='height: 500mm'>{TEXTS}</div><p>x"
    assert warned(tall, "content_cut", page_ranges="2") == []
    cut = f"{PAGE}<p>x<p style='break-before: page'>y<div style='float: left'>{TEXTS}</div>"
    assert warned(cut, "content_cut", page_ranges="1") == []
    (warning,) = warned(cut, "content_cut", page_ranges="2")
    assert warning["page"] == 1
    assert warning["element"].startswith("<div> ")


def test_a_header_of_its_own_is_not_taken_for_the_document(warned: Warned) -> None:
    header = {"default": "<p style='font-size: 9px'>A header</p>"}
    assert warned(f"{PAGE}<div style='height: 90mm'>x</div>", "content_cut", header_html=header) == []
    assert (
        len(warned(f"{PAGE}<div style='height: 90mm'>{TEXTS}</div>", "content_cut", header_html=header)) == 1
    )
