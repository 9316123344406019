"""Which pages are told to be empty, and what all checks together cost a document."""

from __future__ import annotations

import pytest

from tests.unit.jobs.render.child.html.losses.conftest import Warned
from testsupport.pictures import png_url

FOOTER = "<style>@page { @bottom-center { content: counter(page) } } body { background: #ffe }</style>"


def empty_pages(warned: Warned, html: str) -> list[int]:
    return [warning["page"] for warning in warned(html, "page_empty")]


@pytest.mark.parametrize(
    ("html", "pages"),
    [
        ("<p>x<div style='height: 300mm'></div><p>y", [2]),
        ("<p>x<div style='break-before: page'></div><div style='break-before: page'>y</div>", [2]),
        ("", [1]),
    ],
)
def test_a_page_with_nothing_but_header_footer_and_the_colour_of_the_body(
    warned: Warned, html: str, pages: list[int]
) -> None:
    assert empty_pages(warned, FOOTER + html) == pages


@pytest.mark.parametrize(
    "content",
    [
        "<p>x",
        "<hr>",
        f"<img style='width: 9mm' src='{png_url(50, 50)}'>",
        "<svg width=9 height=9><rect width=9 height=9 /></svg>",
        "<div style='height: 9mm; background: red'></div>",
        "<div style='height: 9mm; border-top: 1px solid'></div>",
        "<table border=1><tr><td><td></table>",
        "<style>td { border: 1px solid } table { border-collapse: collapse }</style><table><tr><td><td></table>",
        "<div style='position: absolute; top: 9mm'>x</div>",
        "<ul><li></ul>",
        "<style>@page { background: red }</style>",
        "<style>@page { background: linear-gradient(red, blue) }</style>",
    ],
)
def test_a_page_with_anything_else_is_not(warned: Warned, content: str) -> None:
    assert empty_pages(warned, f"{FOOTER}{content}") == []


def test_a_blank_page_that_a_break_asks_for_is_not(warned: Warned) -> None:
    assert empty_pages(warned, "<p>x<p style='break-before: right'>y") == []
