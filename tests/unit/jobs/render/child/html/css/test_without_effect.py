"""CSS that changes nothing on paper."""

from __future__ import annotations

import logging

import pytest
from tinycss2 import parse_one_rule

from jobs.render.child.html.css.without_effect import is_without_effect


def ignored(name: str, value: str, reason: str = "unknown property") -> logging.LogRecord:
    arguments = (name, value, 1, 1, reason)
    return logging.LogRecord("weasyprint", 30, "x", 1, "Ignored `%s:%s` at %d:%d, %s.", arguments, None)


def unknown_rule(css: str) -> logging.LogRecord:
    arguments = (parse_one_rule(css), 1, 1)
    return logging.LogRecord("weasyprint", 30, "x", 1, "Unknown rule %s at %d:%d", arguments, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("mso-list", " l0 level1"), ("user-select", "none"), ("text-rendering", "optimizeLegibility")),
        *(
            ("filter", "none"),
            ("mix-blend-mode", "normal"),
            ("--tw-shadow", " "),
            ("color", ""),
            ("display", "-webkit-box"),
            ("filter", "var(--bs-btn-close-filter)"),
            ("filter", "var(--tw-blur,) var(--tw-brightness,)"),
        ),
        *(("width", " -moz-available"), ("overflow-x", "auto"), ("line-break", "after-white-space")),
    ],
)
def test_a_declaration_without_effect(name: str, value: str) -> None:
    assert is_without_effect(ignored(name, value))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        *(("filter", "blur(2px)", "unknown property"), ("colour", "red", "unknown property")),
        ("filter", "blur(var(--x))", "unknown property"),
        ("filter", "var(--x, blur(2px))", "unknown property"),
        *(("width", "var(--x)", "invalid value"), ("accent-color", "var(--x)", "unknown property")),
        *(("width", "none", "invalid value"), ("overflow-x", "hidden", "unknown property")),
        ("--x", "1", "invalid value"),
    ],
)
def test_a_declaration_with_an_effect(name: str, value: str, reason: str) -> None:
    assert not is_without_effect(ignored(name, value, reason))


@pytest.mark.parametrize(
    "css", ["@keyframes a { to { left: 0 } }", "@-ms-viewport { width: 1px }", "@list l0;"]
)
def test_a_rule_without_effect(css: str) -> None:
    assert is_without_effect(unknown_rule(css))


def test_a_rule_with_an_effect() -> None:
    assert not is_without_effect(unknown_rule("@container (width > 1px) { p { color: red } }"))


def test_other_messages_have_an_effect() -> None:
    assert not is_without_effect(logging.LogRecord("weasyprint", 30, "x", 1, "No anchor #%s", ("x",), None))
