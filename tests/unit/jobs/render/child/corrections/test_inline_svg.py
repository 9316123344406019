"""Drawings in a document, styled by the document."""

from __future__ import annotations

import pytest

from jobs.render.child.html.engine import Engine
from tests.unit.jobs.render.child.corrections.rendering import rendered

SVG = "<svg class=chart width=50 height=50>{}</svg>"


def pdf(engine: Engine, css: str, body: str) -> bytes:
    given = rendered(engine, f"<!doctype html><style>{css}</style>{body}")
    assert given.warnings == []
    return given.pdf


@pytest.mark.parametrize(
    ("css", "attributes", "same"),
    [
        (".bar { fill: red }", "class=bar", "fill=red"),
        (".chart .bar { fill: red }", "class=bar", "fill=red"),
        ("body > svg rect { fill: red }", "", "fill=red"),
        (".bar { fill: red }", "class=bar fill=blue", "fill=red"),
        (".bar { fill: red }", "class=bar style='fill: blue'", "fill=blue"),
        (":root { --c: red } .bar { fill: var(--c) }", "class=bar", "fill=red"),
        ("body { fill: red }", "", "fill=red"),
        ("body { fill: red }", "fill=blue", "fill=blue"),
        (".bar { stroke: red; stroke-width: 2px; stroke-dasharray: 6 4 }", "class=bar",
         "stroke=red stroke-width=2 stroke-dasharray='6 4'"),
        (".bar { fill: none; stroke: currentColor; color: red }", "class=bar", "fill=none stroke=red"),
        ("body { color: red }", "fill=currentColor", "fill=red"),
        (".bar { display: none }", "class=bar", "display=none"),
        (".bar { opacity: .5 }", "class=bar", "opacity=.5"),
        (".bar:hover { fill: red }", "class=bar", ""),
    ],
)  # fmt: skip
def test_a_shape_has_the_styles_of_the_document(engine: Engine, css: str, attributes: str, same: str) -> None:
    first = pdf(engine, css, SVG.format(f"<rect width=20 height=20 {attributes} />"))
    assert first == pdf(engine, "", SVG.format(f"<rect width=20 height=20 {same} />"))


def test_text_inherits_the_font_of_the_document(engine: Engine) -> None:
    text = "<text y=20>Text</text>"
    styled = pdf(engine, "svg { font: italic bold 9px 'DejaVu Sans' }", SVG.format(text))
    attributes = "font-family='DejaVu Sans' font-size=9 font-style=italic font-weight=bold"
    assert styled == pdf(
        engine, "svg { line-height: normal }", SVG.format(text.replace(" y", f" {attributes} y"))
    )


def test_styles_in_the_drawing_stay(engine: Engine) -> None:
    inner = "<style>.bar { fill: red }</style><rect class=bar width=20 height=20 />"
    assert pdf(engine, "svg { fill: blue }", SVG.format(inner)) == pdf(
        engine, "", SVG.format("<rect width=20 height=20 fill=red />")
    )
