"""Values that browsers know, and WeasyPrint does not."""

from __future__ import annotations

import pytest

from jobs.render.child.html.engine import Engine
from tests.unit.jobs.render.child.corrections.rendering import looks_like


@pytest.mark.parametrize(
    ("declaration", "same"),
    [
        ("word-break: break-word", "overflow-wrap: anywhere"),
        ("white-space: break-spaces", "white-space: pre-wrap"),
        ("border: solid windowtext 1.0pt", "border: solid black 1.0pt"),
        ("background: Canvas; color: GrayText", "background: white; color: gray"),
        ("transform: translate3d(3px, 4px, 0)", "transform: translate(3px, 4px)"),
        ("transform: rotate(9deg) translateZ(0)", "transform: rotate(9deg)"),
        ("transform: rotateZ(9deg) scale3d(2, 3, 1)", "transform: rotate(9deg) scale(2, 3)"),
        ("transform: translateZ(0px)", "transform: none"),
        ("overflow: clip; height: 9px", "overflow: hidden; height: 9px"),
        ("position: sticky; left: 9px", "position: relative; left: 9px"),
        ("display: grid; place-items: center", "display: grid; align-items: center; justify-items: center"),
        ("place-self: end center", "align-self: end; justify-self: center"),
        (
            "background: repeating-linear-gradient(90deg, #000 0 1px, red 1px 2px)",
            "background: repeating-linear-gradient(90deg, #000 0, #000 1px, red 1px, red 2px)",
        ),
        (
            "background-image: radial-gradient(circle at 50% 40%, red 10% 20%, blue)",
            "background-image: radial-gradient(circle at 50% 40%, red 10%, red 20%, blue)",
        ),
        ("font-size: calc(1rem + 1vw)", "font-size: calc(16px + 1vw)"),
        ("font-size: calc(1em + 4px)", "font-size: 20px"),
    ],
)
def test_a_declaration_looks_like_another(engine: Engine, declaration: str, same: str) -> None:
    assert looks_like(engine, f"p {{ {declaration} }}", f"p {{ {same} }}")


def test_names_of_colours_are_names_elsewhere(engine: Engine) -> None:
    css = "body { display: grid; grid-template-areas: 'menu' } p { grid-area: menu; animation-name: mark }"
    assert looks_like(engine, css, css.replace("menu", "other"))


def test_a_font_size_of_the_root_that_is_calculated_from_itself(engine: Engine) -> None:
    assert looks_like(engine, "html { font-size: calc(1rem + 4px) }", "html { font-size: 20px }")
