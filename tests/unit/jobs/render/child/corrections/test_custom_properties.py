"""``var()`` of custom properties that are set to a keyword, as browsers resolve it."""

from __future__ import annotations

import pytest

from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody

DARK_TABLE = """<style>:root {{ --text: black }}
.table {{ --type: initial; --state: initial; --table: var(--text); --bg: white }}
.table > * > * > * {{ color: {color}; background: var(--bg) }}
.dark {{ --table: white; --bg: black }}</style><table class='table dark'><tr><td>a</table>"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ask_nobody)


def render(engine: Engine, document: str) -> bytes:
    try:
        rendered = engine.render("html", document.encode(), {}, lambda step: None)
    finally:
        engine.tidy_up()
    assert rendered.warnings == []
    return rendered.pdf


@pytest.mark.parametrize(
    ("css", "color"),
    [
        ("p { --c: initial; color: var(--c, red) }", "red"),
        ("p { --c: INITIAL ; color: var(--c, red) }", "red"),
        ("p { --c: initial !important; --c: blue; color: var(--c, red) }", "red"),
        ("body { --c: blue } p { --c: initial; color: var(--c, red) }", "red"),
        ("body { --c: blue } p { --c: inherit; color: var(--c, red) }", "blue"),
        ("body { --c: blue } p { --c: unset; color: var(--c, red) }", "blue"),
        ("body { --c: blue } p { --c: revert; color: var(--c, red) }", "blue"),
        ("p { --c: inherit; color: var(--c, red) }", "red"),
        ("html { --c: inherit; color: var(--c, red) }", "red"),
        ("p { --c: initial; --d: var(--c, blue); color: var(--d, red) }", "blue"),
        ("p { --c: initial; --d: var(--c); color: var(--d, red) }", "red"),
        ("p { --d: var(--c, initial); color: var(--d, red) }", "red"),
        ("p { --c: initial; color: var(--c, var(--d, red)) }", "red"),
        ("body { color: blue } p { --c: initial; color: var(--c) }", "blue"),
        ("p { --c: initial red; --d: blue; color: var(--d) }", "blue"),
    ],
)
def test_a_keyword_is_no_text(engine: Engine, css: str, color: str) -> None:
    try:
        drawn = engine.render("html", f"<style>{css}</style><p>a".encode(), {}, lambda step: None)
    finally:
        engine.tidy_up()
    assert drawn.pdf == render(engine, f"<p style='color: {color}'>a")


@pytest.mark.parametrize(
    "css",
    [
        *("p { width: var() }", "p { --x: calc(); width: var(--x) }", "svg { stroke-width: calc(1px + x) }"),
        *("p { place-items: ; place-content: a b c }", "@import url(a b(c));", "p { --x: min(1px, 2em, %) }"),
        *("svg { fill: calc(1px + 2em); font-size: calc(1% + 2x) }", "p { background: linear-gradient() }"),
    ],
)
def test_mistakes_do_not_fail_the_document(engine: Engine, css: str) -> None:
    try:
        engine.render("html", f"<style>{css}</style><p>a<svg></svg>".encode(), {}, lambda step: None)
    finally:
        engine.tidy_up()


def test_a_style_attribute_may_have_keywords(engine: Engine) -> None:
    assert render(engine, "<p style='--c: initial; color: var(--c, red)'>a") == render(
        engine, "<p style='color: red'>a"
    )


def test_a_dark_table_as_bootstrap_makes_it_has_light_text(engine: Engine) -> None:
    variables = "var(--state, var(--type, var(--table)))"
    assert render(engine, DARK_TABLE.format(color=variables)) == render(
        engine, DARK_TABLE.format(color="white")
    )
