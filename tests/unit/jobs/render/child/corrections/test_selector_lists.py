"""Selectors that match nothing on paper, alone and beside others."""

from __future__ import annotations

import pytest

from jobs.render.child.html.engine import Engine
from tests.unit.jobs.render.child.corrections.rendering import looks_like, rendered

RED = "p { color: red }"


@pytest.mark.parametrize(
    "selectors",
    [
        *("p, ::file-selector-button", "::backdrop, p", "p, ::-webkit-scrollbar", ":host, p"),
        *("p, :host(:not(.dark))", "p, p::selection", "p, p:-moz-focusring", "p, p:autofill"),
        *("p:not(:hover)", "p, a:hover::after", "p:is(:focus, .a)", "p:not(.b, :focus-visible)"),
    ],
)
def test_the_others_of_a_list_apply(engine: Engine, selectors: str) -> None:
    assert looks_like(engine, f"{selectors} {{ color: red }}", RED)


@pytest.mark.parametrize(
    ("selector", "same"),
    [
        *(
            ("input:required", "#a"),
            ("input:optional", "#b"),
            (":read-only", "*:not(input)"),
            (":default", "#b"),
        ),
        *(("input:placeholder-shown", "#a"), ("input:not(:placeholder-shown)", "#b"), ("b:defined", "b")),
        *(("progress:indeterminate", "progress"), ("b:dir(rtl)", "i b"), ("b:dir(ltr)", "p > b")),
    ],
)
def test_states_of_a_document_match(engine: Engine, selector: str, same: str) -> None:
    text = "<p>a<b>b</b><i dir=rtl>c<b>d</b></i>"
    body = f"{text}<input id=a required placeholder=e><input id=b value=f checked><progress>"
    css = "{} {{ border-left: 9px solid red }}"
    assert looks_like(engine, css.format(selector), css.format(same), body)


@pytest.mark.parametrize(
    "selectors", ["p:hover", "::placeholder", "p::-webkit-x, p:-moz-y", "p:focus, p:target", "p:fullscreen"]
)
def test_rules_for_nothing_on_paper_are_left_out_without_a_warning(engine: Engine, selectors: str) -> None:
    assert looks_like(engine, f"{RED} {selectors} {{ color: blue; shape: round; filter: blur(1px) }}", RED)


def test_what_a_browser_would_match_is_told(engine: Engine) -> None:
    document = "<!doctype html><style>p:valid, p { color: red }</style><p>a"
    given = rendered(engine, document)
    assert [warning["code"] for warning in given.warnings] == ["css_ignored"]
    assert "p:valid" in given.warnings[0]["message"]
    assert given.pdf == rendered(engine, f"<!doctype html><style>{RED}</style><p>a").pdf


def test_a_list_with_a_mistake_is_ignored(engine: Engine) -> None:
    given = rendered(engine, "<!doctype html><style>p, p:shape(round) { color: red }</style><p>a")
    assert "Invalid or unsupported selector" in given.warnings[0]["message"]
    assert given.pdf == rendered(engine, "<!doctype html><p>a").pdf
