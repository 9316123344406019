"""Where the CSS comes from that a warning is about. The engine renders, as in a child."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ask_nobody)


def places(
    engine: Engine, html: str, files: Mapping[str, bytes] | None = None, **options: Any
) -> list[tuple[str, str | None, int | None]]:
    """Returns message, source and line of each `css_ignored`."""
    rendered = engine.render("html", html.encode(), options, lambda step: None, files)
    engine.tidy_up()
    return [
        (warning["message"], warning.get("source"), warning.get("line"))
        for warning in rendered.warnings
        if warning["code"] == "css_ignored"
    ]


def unknown(declaration: str) -> str:
    return f"Ignored `{declaration}`, unknown property."


def test_a_style_element_is_named_by_its_number_and_the_line_inside_it(engine: Engine) -> None:
    html = (
        "<style>p { color: red }</style><style media=screen>x</style><style>\n\np { colr: red }</style><p>x"
    )
    assert places(engine, html) == [(unknown("colr:red"), "<style> element 3", 3)]


def test_stylesheets_that_are_parsed_once_are_named_as_they_are_used(engine: Engine) -> None:
    first = "<style>p { shape: round }</style><p>x"
    second = "<style>b { color: red }</style><style>p { shape: round }</style><p>x"
    assert places(engine, first) == [(unknown("shape:round"), "<style> element 1", 1)]
    assert places(engine, second) == [(unknown("shape:round"), "<style> element 2", 1)]


def test_a_file_is_named_by_its_url_and_so_is_one_that_it_imports(engine: Engine) -> None:
    files = {"a.css": b'@import "b.css";\np { one: 1 }', "b.css": b"p { two: 2 }"}
    found = places(engine, "<link rel=stylesheet href=a.css><p>x", files)
    assert [(message, source and source.rpartition("/")[2], line) for message, source, line in found] == [
        (unknown("two:2"), "b.css", 1),
        (unknown("one:1"), "a.css", 2),
    ]


def test_stylesheets_of_the_options_are_named_by_their_number(engine: Engine) -> None:
    found = places(engine, "<p>x", stylesheets=["p { color: red }", "p { colr: red }"])
    assert found == [(unknown("colr:red"), "stylesheets[1]", 1)]


def test_a_style_attribute_is_named_by_its_element(engine: Engine) -> None:
    found = places(engine, "<html><head></head><body><p>x<p style='colr: red'>y</body></html>")
    assert found == [(unknown("colr:red"), "style attribute of <p> (element 5)", 1)]


def test_a_value_with_a_variable_is_judged_late_and_still_has_its_source(engine: Engine) -> None:
    html = "<style>p { --size: red;\nwidth: var(--size) }</style><p>x"
    assert places(engine, html) == [("Ignored `width: red`, invalid value.", "<style> element 1", 2)]


def test_the_style_attributes_of_a_drawing_are_svg_and_drawn_without_warnings(engine: Engine) -> None:
    drawing = """<svg style="fill: red; stroke-linejoin: round" width="9" height="9">
        <g style="stroke: blue"><path style="fill: none; stroke-dasharray: 1 2" d="M0 0L9 9"/></g></svg>"""
    assert places(engine, f"<p>x{drawing}") == []


def test_css_that_is_for_nobody_is_told_on_the_drawing_too(engine: Engine) -> None:
    found = places(engine, "<p>x<svg style='colr: red' width=9 height=9></svg>")
    assert [message for message, *_ in found] == [unknown("colr:red")]


def test_nothing_of_the_source_is_left_when_the_document_has_ended(engine: Engine) -> None:
    places(engine, "<p style='colr: red'>x")
    with pytest.raises(Exception, match="nested"):
        engine.render("html", ("<div>" * 1500).encode(), {}, lambda step: None)
    assert places(engine, "<p>x", stylesheets=["p { colr: red }"])[0][1] == "stylesheets[0]"
