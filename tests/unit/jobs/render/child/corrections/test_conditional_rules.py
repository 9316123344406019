"""``@media``, ``@supports`` and ``@property``, wherever they stand."""

from __future__ import annotations

import pytest

from jobs.render.child.html.engine import Engine
from tests.unit.jobs.render.child.corrections.rendering import looks_like, rendered

RED, BLUE = "p { color: red }", "p { color: blue }"


@pytest.mark.parametrize(
    "css",
    [
        "@media (min-width: 700px) { p { color: red } }",
        "@media print { @media (color) { p { color: red } } }",
        "@supports (display: grid) { p { color: red } }",
        "@supports not (display: masonry) { p { color: red } }",
        "@supports (display: grid) and (color: oklch(1 0 0)) { p { color: red } }",
        "@supports (shape: round) or (--a: b) { p { color: red } }",
        "@supports selector(p > b) { p { color: red } }",
        "@supports (not (-webkit-appearance: -apple-pay-button)) { p { color: red } }",
        "@supports (display: grid) { @media print { p { color: red } } }",
        "p { @media print { color: red } }",
        "p { @media (min-width: 700px) { @supports (display: grid) { color: red } } }",
        "body { p { @media print { color: red } } }",
        "body { @media print { p { color: red } } }",
        "p { color: blue; @media print { color: red } }",
        "@layer a { @media print { p { color: blue } } } @layer b { p { color: red } }",
        "@layer a { p { @media print { color: blue } } } @layer b { p { color: red } }",
    ],
)
def test_rules_whose_condition_is_true_apply(engine: Engine, css: str) -> None:
    assert looks_like(engine, css, RED)


@pytest.mark.parametrize(
    "css",
    [
        "@media (max-width: 600px) { p { color: blue } }",
        "@supports (shape: round) { p { color: blue } }",
        "@supports (display: masonry) { p { color: blue } }",
        "@supports (-webkit-hyphens: none) { p { color: blue } }",
        "@supports selector(:shape(round)) { p { color: blue } }",
        "@supports font-tech(color-COLRv1) { p { color: blue } }",
        "p { @media screen { color: blue } }",
        "p { @supports (shape: round) { color: blue } }",
    ],
)
def test_rules_whose_condition_is_false_do_not_apply(engine: Engine, css: str) -> None:
    assert looks_like(engine, RED + css, RED)


@pytest.mark.parametrize(
    ("css", "same"),
    [
        ("@property --c { syntax: '*'; inherits: false; initial-value: red } p { color: var(--c) }", RED),
        ("p { color: var(--c) } @property --c { syntax: '*'; inherits: true; initial-value: red }", RED),
        ("p { --c: red; color: var(--c) } @property --c { initial-value: blue }", RED),
        ("@layer a { p { --c: red; color: var(--c) } } @property --c { initial-value: blue }", RED),
        ("@property --c { syntax: '*'; inherits: false } p { color: var(--c, red) }", RED),
        (
            "@property --c { inherits: true; initial-value: red } body { --c: blue } p { color: var(--c) }",
            BLUE,
        ),
        (
            "@property --c { inherits: false; initial-value: red } body { --c: blue } p { color: var(--c) }",
            RED,
        ),
    ],
)
def test_a_registered_property_has_its_initial_value(engine: Engine, css: str, same: str) -> None:
    assert looks_like(engine, css, same)


def test_a_condition_that_cannot_be_read_is_told(engine: Engine) -> None:
    document = "<!doctype html><style>@supports maybe { p { color: red } }</style><p>a"
    (warning,) = rendered(engine, document).warnings
    assert warning["message"] == "Unknown rule @supports"


@pytest.mark.parametrize("url", ["url(x.css)", "url('x.css')", "'x.css'"])
def test_an_import_without_a_base_url_is_told(engine: Engine, url: str) -> None:
    document = f"<!doctype html><style>@import {url}; p {{ color: red }}</style><p>a"
    given = rendered(engine, document)
    assert [warning["code"] for warning in given.warnings] == ["relative_url"]
    assert given.pdf == rendered(engine, f"<!doctype html><style>{RED}</style><p>a").pdf


def test_the_sheet_decides_and_not_what_was_rendered_before(engine: Engine) -> None:
    document = "<!doctype html><style>@media (max-width: 600px) { p { color: red } }</style><p>a"
    plain = rendered(engine, "<!doctype html><p>a", {"page_size": "a5"})
    assert (
        rendered(engine, document, {"page_size": "a4"}).pdf
        != rendered(engine, document, {"page_size": "a5"}).pdf
    )
    assert rendered(engine, document, {"page_size": "a5"}).pdf != plain.pdf
