"""HTML attributes look as the CSS that browsers map them to."""

from __future__ import annotations

import re
from typing import Any

import pypdfium2
import pytest

from jobs.render.child.html.css.presentational_hints import legacy_color
from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody

DOT = "data:image/gif;base64,R0lGODdhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs="
GRAY_BOX = "border: 1px outset gray"
ATTRIBUTES_AND_CSS = {
    "table": (
        "<table width='60%' cellpadding=8 cellspacing=0 align=center><tr bgcolor=#cccccc><th align=left>a"
        "<th align=right>b<tr><td valign=top height=50 nowrap>c d<td align=right width=70>1</table>",
        "<table style='width: 60%; border-spacing: 0; margin: 0 auto'><tr style='background: #ccc'>"
        "<th style='padding: 8px; text-align: left'>a<th style='padding: 8px; text-align: right'>b<tr>"
        "<td style='padding: 8px; vertical-align: top; height: 50px; white-space: nowrap'>c d"
        "<td style='padding: 8px; text-align: right; width: 70px'>1</table>",
    ),
    "border": (
        "<table border=1><tr><td>a</table>",
        f"<table style='{GRAY_BOX}'><tr><td style='border: 1px inset gray'>a</table>",
    ),
    "empty border": ("<table border><tr><td>a</table>", "<table border=1><tr><td>a</table>"),
    "font": (
        "<font color=red size=5 face='Arial, serif'>a</font>",
        "<span style='color: red; font-size: x-large; font-family: Arial, serif'>a</span>",
    ),
    "image": (
        f"<img src={DOT} width=40 height=20 hspace=5>",
        f"<img src={DOT} style='width: 40px; height: 20px; margin: 0 5px'>",
    ),
    "image that css makes smaller": (
        f"<style>img {{ max-width: 10px; height: auto }}</style><img src={DOT} width=40 height=20>",
        f"<img src={DOT} style='width: 10px'>",
    ),
    "rule": ("<hr width='50%' align=left>", "<hr style='width: 50%; margin-left: 0'>"),
    "page": (
        "<body bgcolor=ffffcc text=navy>a",
        "<body style='background: #ffffcc; color: navy'>a",
    ),
    "centered table": (
        "<style>table { margin: 0 }</style>"
        "<table width=400><tr><td align=center><table width=50><tr><td>a</table></table>",
        "<table style='width: 400px'><tr><td>"
        "<table style='width: 50px; margin: 0 auto'><tr><td>a</table></table>",
    ),
    "center": (
        "<center>a<table><tr><td>b</table></center>",
        "<div style='text-align: center'>a<table style='margin: 0 auto; text-align: start'><tr><td>b</table></div>",
    ),
    "table at the right": (
        "<div align=right>a<table><tr><td>b</table></div>",
        "<div style='text-align: right'>a<table style='margin: 0 0 0 auto; text-align: start'><tr><td>b</table></div>",
    ),
    "padding of an inner table": (
        "<table cellpadding=20><tr><td><table><tr><td>a</table></table>",
        "<table><tr><td style='padding: 20px'><table><tr><td style='padding: 1px'>a</table></table>",
    ),
    "style wins": (
        "<table bgcolor=red width=90 style='background: blue; width: 50px'><tr><td>a</table>",
        "<table style='background: blue; width: 50px'><tr><td>a</table>",
    ),
    "no colour": ("<table bgcolor=transparent><tr><td bgcolor=''>a</table>", "<table><tr><td>a</table>"),
}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ask_nobody)


def render(engine: Engine, document: str, **options: Any) -> bytes:
    try:
        rendered = engine.render("html", document.encode(), options, lambda step: None)
    finally:
        engine.tidy_up()
    assert rendered.warnings == []
    return rendered.pdf


@pytest.mark.parametrize("name", ATTRIBUTES_AND_CSS)
def test_attributes_look_as_the_css_that_they_stand_for(engine: Engine, name: str) -> None:
    attributes, css = ATTRIBUTES_AND_CSS[name]
    assert render(engine, attributes) == render(engine, css)


@pytest.mark.parametrize("name", ["table", "font", "page", "centered table", "border"])
def test_without_presentational_hints_attributes_are_ignored(engine: Engine, name: str) -> None:
    attributes, css = ATTRIBUTES_AND_CSS[name]
    assert render(engine, attributes, presentational_hints=False) != render(engine, css)
    assert render(engine, css, presentational_hints=False) == render(engine, css)


def test_lists_begin_and_go_on_where_their_attributes_say(engine: Engine) -> None:
    pdf = render(engine, "<ol type=a start=3><li>x<li value=7>x<li>x</ol><ol type=I><li>x<li type=1>x</ol>")
    text = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_bounded()
    assert re.findall(r"(\w+)\.", text) == ["c", "g", "h", "I", "2"]


def test_a_kept_stylesheet_serves_documents_with_and_without_hints(engine: Engine) -> None:
    document = "<style>td { color: teal }</style><table border=1 bgcolor=silver><tr><td>a</table>"
    fresh = {
        hints: render(Engine(ask_nobody), document, presentational_hints=hints) for hints in (True, False)
    }
    assert fresh[True] != fresh[False]
    for hints in (True, False, True):
        assert render(engine, document, presentational_hints=hints) == fresh[hints]


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("red", "red"),
        (" Navy ", "navy"),
        ("#ABC", "#aabbcc"),
        ("#abcdef", "#abcdef"),
        ("ffffff", "#ffffff"),
        ("0f", "#000f00"),
        ("chucknorris", "#c00000"),
        ("#12", "#010200"),
        ("#", "#000000"),
        ("x", "#000000"),
        ("f" * 300, "#ffffff"),
        ("😀", "#000000"),
        ("currentcolor", "#c0e000"),
        ("", None),
        ("transparent", None),
    ],
)
def test_a_legacy_colour_is_read_as_browsers_read_it(text: str, color: str | None) -> None:
    assert legacy_color(text) == color
