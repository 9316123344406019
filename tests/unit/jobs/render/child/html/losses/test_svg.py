"""Which parts of SVG images are told to be missing."""

from __future__ import annotations

import base64

import pytest

from tests.unit.jobs.render.child.html.losses.conftest import Warned

SVG = "<svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'>"
XHTML = "<div xmlns='http://www.w3.org/1999/xhtml'>"
LABEL = f"<foreignObject width='90' height='20'>{XHTML}a label</div></foreignObject>"
BLUR = "<filter id='f'><feOffset dx='2'/><feGaussianBlur stdDeviation='2'/></filter>"
SHADOWED = "<rect width='50' height='50' filter='url(#f)'/>"


def image_of(svg: str) -> str:
    return f"<p>x<img src='data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}'>"


@pytest.mark.parametrize("as_image", [False, True])
def test_text_in_a_foreign_object_is_told(warned: Warned, as_image: bool) -> None:
    svg = f"{SVG}<g>{LABEL}</g></svg>"
    (warning,) = warned(image_of(svg) if as_image else svg)
    assert (warning["code"], warning["page"]) == ("svg_text_missing", 1)
    assert warning["element"].startswith("<img> " if as_image else "<svg> ")


def test_an_image_that_is_drawn_often_is_told_once(warned: Warned) -> None:
    (warning,) = warned(image_of(f"{SVG}{LABEL}</svg>") * 3)
    assert "count" not in warning


@pytest.mark.parametrize(
    "content",
    [
        "<foreignObject width='9' height='9'/><text y='9'>x</text>",
        f"<switch>{LABEL}<text y='9'>a label</text></switch>",
        f"<g display='none'>{LABEL}</g>",
        f"<g style='display: none'>{LABEL}</g>",
        f"<defs>{LABEL}</defs>",
        f"<style>.hidden {{ display: none }}</style><g class='hidden'>{LABEL}</g>",
    ],
)
def test_a_foreign_object_without_text_or_not_shown_is_not_told(warned: Warned, content: str) -> None:
    assert warned(f"<p>x{SVG}{content}</svg>") == []


@pytest.mark.parametrize(
    "use", [SHADOWED, SHADOWED.replace("filter='url(#f)'", "style='filter: url(\"#f\")'")]
)
def test_a_filter_that_is_not_drawn_is_told(warned: Warned, use: str) -> None:
    (warning,) = warned(f"<p>x{SVG}{BLUR}{use}</svg>")
    assert warning["code"] == "svg_filter_ignored"
    assert warning["message"].endswith(" uses SVG filters that are not drawn: feGaussianBlur.")


@pytest.mark.parametrize(
    "content",
    [
        f"{BLUR}<rect width='9' height='9'/>",
        "<filter id='f'><feOffset dx='2'/></filter>" + SHADOWED,
        f"{BLUR}<g display='none'>{SHADOWED}</g>",
        SHADOWED,
    ],
)
def test_a_filter_that_is_not_used_or_drawn_is_not_told(warned: Warned, content: str) -> None:
    assert warned(f"<p>x{SVG}{content}</svg>") == []


def test_an_image_that_is_not_drawn_is_not_looked_at(warned: Warned) -> None:
    assert warned(f"<p>x<div hidden>{SVG}{LABEL}</svg></div>") == []
