"""Ignored CSS is told if it is about something that the document has."""

from __future__ import annotations

import logging
from xml.etree import ElementTree

import pytest
import tinycss2
from cssselect2 import ElementWrapper

from jobs.render.child.html.css.used_rules import UsedRules
from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody

BODY = "<p class=note id=first>a<b>c</b><input required>"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ask_nobody)


def messages(engine: Engine, css: str) -> list[str]:
    try:
        document = f"<!doctype html><style>{css}</style>{BODY}".encode()
        return [each["message"] for each in engine.render("html", document, {}, lambda step: None).warnings]
    finally:
        engine.tidy_up()


@pytest.mark.parametrize(
    "css",
    [
        *("p { filter: blur(1px) }", ".note { filter: blur(1px) }", "#first { filter: blur(1px) }"),
        *(".other, p > b { filter: blur(1px) }", "@media print { p { filter: blur(1px) } }"),
        *(
            "body { .note { filter: blur(1px) } }",
            "input:valid { color: red }",
            "b:invalid { color: red }",
        ),
        *(
            ":valid { color: red }",
            "@container (width > 1px) { p { color: red } }",
            "@page { shape: round }",
        ),
        *("p::shape { color: red }", "p { color: reddish }"),
    ],
)
def test_rules_that_apply_are_told(engine: Engine, css: str) -> None:
    assert len(messages(engine, css)) == 1


@pytest.mark.parametrize(
    "css",
    [
        *(".other { filter: blur(1px) }", "#second { filter: blur(1px) }", "table { filter: blur(1px) }"),
        *(
            "b > p { filter: blur(1px) }",
            ".note { .other { filter: blur(1px) } }",
            "ul:valid { color: red }",
        ),
        *(".other:valid { color: red }", "@container (width > 1px) { .other { color: red } }"),
        *("p:hover { filter: blur(1px) }", "@media screen { p { filter: blur(1px) } }"),
    ],
)
def test_rules_that_apply_to_nothing_are_not_told(engine: Engine, css: str) -> None:
    assert messages(engine, css) == []


def test_a_document_with_a_great_many_rules_and_elements_is_not_searched_for_ever() -> None:
    tree = ElementTree.fromstring("<html>" + "<p/>" * 1000 + "</html>")
    rules = UsedRules(ElementWrapper.from_html_root(tree))
    record = logging.LogRecord(
        "weasyprint", 30, "x", 1, "Ignored `%s:%s` at %d:%d, %s.", ("a", "b", 1, 1, "c"), None
    )
    record.css_selectors = tinycss2.parse_component_value_list("p:nth-child(9999)")
    told = [rules.concern(record) for _ in range(2500)]
    assert (told[0], told[-1]) == (False, True)


def test_it_is_told_for_each_document_by_itself(engine: Engine) -> None:
    css = "i { filter: blur(1px) } p { shape: round }"
    assert messages(engine, css) == messages(engine, css) == ["Ignored `shape:round`, unknown property."]
    document = f"<!doctype html><style>{css}</style><i>a</i>".encode()
    told = engine.render("html", document, {}, lambda step: None).warnings
    engine.tidy_up()
    assert [each["message"] for each in told] == ["Ignored `filter:blur(1px)`, unknown property."]
