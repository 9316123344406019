"""Colours that are calculated and mixed."""

from __future__ import annotations

import pytest
from tinycss2.color5 import parse_color

from jobs.render.child.html.engine import Engine
from tests.unit.jobs.render.child.corrections.rendering import looks_like, rendered


@pytest.mark.parametrize(
    ("color", "same"),
    [
        ("hsl(calc(10 + 40) 70% 45%)", "hsl(50 70% 45%)"),
        ("rgb(calc(2 * 50) 0 0 / calc(1 - .5))", "rgb(100 0 0 / .5)"),
        ("color-mix(in srgb, red, blue)", "rgb(50% 0% 50%)"),
        ("color-mix(in srgb, red 25%, blue)", "rgb(25% 0% 75%)"),
        ("color-mix(in srgb, red, blue 75%)", "rgb(25% 0% 75%)"),
        ("color-mix(in srgb, red 25%, blue 25%)", "rgb(50% 0% 50% / .5)"),
        ("color-mix(in oklab, #0f0 40%, transparent)", "rgb(0 255 0 / .4)"),
        ("color-mix(in oklab, oklch(50% .2 30) 40%, transparent)", "oklch(50% .2 30 / .4)"),
        ("color-mix(in srgb, transparent 60%, rgb(0 0 255))", "rgb(0 0 255 / .4)"),
        ("color-mix(in oklab, oklab(40% .1 0), oklab(60% -.1 .2))", "oklab(50% 0 .1)"),
        ("color-mix(in lch, lch(40% 10 0), lch(40% 10 180))", "lab(40% 0 0)"),
        ("color-mix(in srgb, color-mix(in srgb, red, blue), transparent)", "rgb(50% 0% 50% / .5)"),
    ],
)
def test_a_colour_is_drawn_as_another(engine: Engine, color: str, same: str) -> None:
    assert looks_like(engine, f"p {{ background: {color} }}", f"p {{ background: {same} }}")
    css = ":root { --c: %s } p { border: 1px solid var(--c); background: linear-gradient(var(--c), white) }"
    assert looks_like(engine, css % color, css % same)


@pytest.mark.parametrize(
    "color",
    [
        *("color-mix(in srgb, red)", "color-mix(red, blue)", "color-mix(in srgb, red 0%, blue 0%)"),
        *("color-mix(in srgb, red, 1px)", "color-mix(in oklab, currentcolor, red)", "hsl(calc(1em) 2% 3%)"),
        *("color-mix()", "rgb(from red r g b)"),
    ],
)
def test_a_colour_that_cannot_be_mixed_is_ignored(engine: Engine, color: str) -> None:
    given = rendered(engine, f"<!doctype html><style>p {{ color: {color} }}</style><p>a")
    assert [warning["code"] for warning in given.warnings] == ["css_ignored"]


def test_drawings_know_such_colours(engine: Engine) -> None:
    shape = "<svg width=9 height=9><rect width=9 height=9 fill={}></rect></svg>"
    mixed, plain = (
        shape.format(f"'{each}'") for each in ("color-mix(in srgb, red, blue)", "rgb(50%, 0%, 50%)")
    )
    assert rendered(engine, mixed).pdf == rendered(engine, plain).pdf


@pytest.mark.parametrize(
    "color", ["oklch(50% .2 30)", "lab(50% 20 30)", "hsl(20 50% 50%)", "color(srgb 1 0 0)"]
)
def test_drawings_inherit_any_colour(engine: Engine, color: str) -> None:
    document = (
        "<!doctype html><body style='color: {}'><svg width=9 height=9><rect width=9 height=9 fill={} /></svg>"
    )
    inherited, own = (
        rendered(engine, document.format(color, each)) for each in ("currentColor", f"'{color}'")
    )
    assert inherited.warnings == []
    assert inherited.pdf == own.pdf


@pytest.mark.parametrize(
    ("color", "same"),
    [
        ("oklch(100% 0 0)", "white"),
        ("oklab(0% 0 0)", "black"),
        ("lab(100% 0 0)", "white"),
        ("oklch(62.7955% .257683 29.2339)", "rgb(255 0 0)"),
        ("lch(29.5676% 131.201 301.364)", "rgb(0 0 255)"),
        ("device-cmyk(0 1 1 0)", "rgb(255 0 0)"),
        ("color(display-p3 1 0 0)", "rgb(255 0 0)"),
    ],
)
def test_any_colour_has_values_in_srgb(engine: Engine, color: str, same: str) -> None:
    converted, expected = (parse_color(each).to("srgb").coordinates for each in (color, same))
    assert converted == pytest.approx(expected, abs=0.003)


def test_gradients_and_shadows_have_any_colour(engine: Engine) -> None:
    css = "p { background: linear-gradient(oklch(50% .2 30), lab(50% 20 30)); box-shadow: 0 0 9px oklch(50% .2 30) }"
    assert rendered(engine, f"<!doctype html><style>{css}</style><p>a").warnings == []
