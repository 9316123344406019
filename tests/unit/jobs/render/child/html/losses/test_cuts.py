"""What is told to be cut off. The pages are A5 with margins of 20 mm, if they say nothing else."""

from __future__ import annotations

import pytest

from tests.unit.jobs.render.child.html.losses.conftest import Warned
from testsupport.pictures import png_url

PAGE = "<style>@page { size: A5; margin: 20mm } body { margin: 0 }</style>"
WORDS = "word " * 200
WIDE_TABLE = "<table id=prices><tr>" + "<td style='min-width: 30mm'>cell" * 9 + "</table>"
LONG_LINE = "0123456789" * 20


@pytest.mark.parametrize(
    ("content", "element", "side"),
    [
        (WIDE_TABLE, '<table id="prices"> (element 5)', "right"),
        ("<table border=1 style='width: 150mm'><tr><td>cell</table>", "<table> (element 5)", "right"),
        (f"<p>x<pre class='code a'>{LONG_LINE}</pre>", '<pre class="code a"> (element 6)', "right"),
        (f"<pre><b>{LONG_LINE}</b></pre>", "<pre> (element 5)", "right"),
        (f"<pre>{'<i>word</i> ' * 60}</pre>", "<pre> (element 5)", "right"),
        ("<div style='width: 300mm'><p>" + WORDS + "</div>", "<div> (element 5)", "right"),
        ("<div style='display: flex'>" + "<p style='min-width: 60mm'>x" * 5, "<p> (element", "right"),
        (f"<img width=900 height=50 src='{png_url(2000, 2000)}'>", "<img> (element 5)", "right"),
        (f"<img width=90 height=900 src='{png_url(2000, 2000)}'>", "<img> (element 5)", "lower"),
        (f"<div dir=rtl><p>{'שלום' * 60}</div>", "<p> (element 6)", "left"),
        (f"<style>body {{ overflow: hidden }}</style><pre>{LONG_LINE}", "<pre> (element 6)", "right"),
    ],
)
def test_content_that_crosses_an_edge_of_the_page(
    warned: Warned, content: str, element: str, side: str
) -> None:
    (warning,) = warned(PAGE + content)
    assert warning["code"] == "content_cut"
    assert warning["element"].startswith(element)
    assert warning["message"].startswith(f"{warning['element']} goes beyond the {side} edge of the page: ")
    assert warning["page"] == 1


def test_how_much_is_lost_is_told_in_millimetres_of_paper(warned: Warned) -> None:
    image = f"<img style='width: 150mm; height: 9mm' src='{png_url(2000, 100)}'>"
    for zoom, lost in ((1, 22), (2, 44)):
        (warning,) = warned(PAGE + image, zoom=zoom)
        assert f"{lost} mm are cut off" in warning["message"]


def test_an_element_is_told_once_with_its_first_page_and_the_number_of_pages(warned: Warned) -> None:
    row = "<tr>" + "<td style='min-width: 30mm'>cell" * 9
    (warning,) = warned(f"{PAGE}<h1 style='break-after: page'>x</h1><table>{row * 90}</table>")
    assert warning["page"] == 2
    assert warning["count"] >= 3


@pytest.mark.parametrize("overflow", ["auto", "scroll"])
def test_content_of_a_box_that_scrolls_on_a_screen(warned: Warned, overflow: str) -> None:
    style = f"overflow: {overflow}; max-height: 40mm"
    (sideways,) = warned(f"{PAGE}<pre style='{style}'>{LONG_LINE}")
    assert sideways["message"].startswith("<pre> (element 5) cannot be scrolled in a PDF: ")
    assert " at its right edge. " in sideways["message"]
    (down,) = warned(f"{PAGE}<div style='{style}'><p>{WORDS}</div>")
    assert down["element"] == "<div> (element 5)"
    assert " at its lower edge. " in down["message"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"<p>{WORDS * 9}", id="text over pages"),
        pytest.param("<div style='width: 125mm'>" + WORDS, id="in the margin, which is drawn"),
        pytest.param("<table style='width: 150mm'><tr><td>cell</table>", id="table without borders"),
        pytest.param(f"<pre>{'x' * 30}{' ' * 200}</pre>", id="spaces"),
        pytest.param(f"<p style='overflow: hidden; white-space: nowrap'>{WORDS}", id="hidden by the author"),
        pytest.param(
            f"<p style='overflow: hidden; white-space: nowrap; text-overflow: ellipsis'>{WORDS}",
            id="ellipsis",
        ),
        pytest.param("<p style='text-indent: -9999px'>word", id="text replaced by a picture"),
        pytest.param("<p style='text-indent: 9999px; white-space: nowrap'>word", id="text moved out"),
        pytest.param(f"<p style='position: absolute; left: -9999px'>{WORDS}", id="for screen readers"),
        pytest.param(f"<p style='position: absolute; left: 9999px'>{WORDS}", id="for screen readers, right"),
        pytest.param(f"<p style='position: absolute; top: 9999px'>{WORDS}", id="for screen readers, below"),
        pytest.param(
            "<p style='position: absolute; right: 0; width: 1px; height: 1px; overflow: hidden; "
            f"white-space: nowrap; clip: rect(0, 0, 0, 0)'>{WORDS}",
            id="visually hidden",
        ),
        pytest.param(
            f"<nav style='position: fixed; right: 0; transform: translateX(100%); width: 50mm'>{WORDS}",
            id="closed menu",
        ),
        pytest.param(f"<p style='visibility: hidden; white-space: nowrap'>{WORDS}", id="invisible"),
        pytest.param(f"<p style='opacity: 0; white-space: nowrap'>{WORDS}", id="transparent"),
        pytest.param("<div style='overflow: auto'>word</div>", id="box that need not scroll"),
        pytest.param("<div style='overflow: auto'><p style='float: left'>word</div>", id="clearfix"),
        pytest.param(
            "<div style='position: fixed; top: 40%; font-size: 99pt; transform: rotate(-45deg); opacity: .1'>"
            "CONFIDENTIAL",
            id="watermark",
        ),
        pytest.param(
            "<div style='position: fixed; font-size: 99pt; color: rgba(0, 0, 0, .1)'>CONFIDENTIAL",
            id="watermark in a transparent colour",
        ),
        pytest.param(
            "<div style='position: fixed; font-size: 99pt; z-index: -1'>CONFIDENTIAL", id="text in the back"
        ),
        pytest.param(
            "<div style='position: absolute; right: -70mm; width: 99mm; height: 99mm; background: red'></div>x",
            id="area as a decoration",
        ),
        pytest.param(
            f"<img style='position: absolute; right: -40mm; width: 90mm' src='{png_url(2000, 200)}'>",
            id="placed image",
        ),
        pytest.param(
            f"<img style='width: 152mm; height: 20mm; margin: -22mm -22mm 0' src='{png_url(2000, 200)}'>",
            id="image over the whole width of the paper",
        ),
        pytest.param(
            "<div style='transform: scale(.3); transform-origin: 0 0; width: 300mm'>" + WIDE_TABLE,
            id="made smaller",
        ),
        pytest.param(
            "<div style='transform: rotate(90deg); transform-origin: 50mm 50mm; width: 140mm'>"
            "<pre>0123456789 0123456789 0123456789 0123456789 0123456789 0123456789</pre></div>",
            id="turned",
        ),
        pytest.param(f"<div dir=rtl><p>{'שלום ' * 60}</div>", id="from right to left"),
        pytest.param(
            "<style>@page { @top-left { content: 'A header' } }</style>x", id="header in the margin"
        ),
        pytest.param("<div style='columns: 3'>" + WORDS, id="columns"),
        pytest.param(
            "<div style='display: grid; grid-template-columns: 1fr 1fr; gap: 9mm'><p>a<p>b</div>", id="grid"
        ),
    ],
)
def test_nothing_is_told_of_content_that_is_all_there_or_hidden_on_purpose(
    warned: Warned, content: str
) -> None:
    assert warned(f"{PAGE}<p>x</p>{content}") == []


def test_content_in_a_box_that_hides_what_is_beyond_it_is_cut_by_the_page(warned: Warned) -> None:
    card = "<div style='overflow: hidden; width: 200mm'><p>" + WORDS + "</div>"
    (warning,) = warned(PAGE + card)
    assert warning["element"] == "<div> (element 5)"


def test_a_margin_box_has_its_own_name(warned: Warned) -> None:
    text = "'" + "long" * 60 + "'"
    css = f"<style>@page {{ @bottom-left {{ content: {text}; white-space: nowrap }} }}</style>"
    (warning,) = warned(f"{PAGE}{css}x")
    assert warning["element"] == "@bottom-left"
