"""Media queries, as they are answered for paper."""

from __future__ import annotations

import pytest
from tinycss2 import parse_component_value_list

from jobs.render.child.corrections.media_queries import Medium, evaluate, medium_of, parse

A4 = Medium()
"""794 pixels wide, and 1123 high."""


def matches(query: str, medium: str = A4) -> bool:
    queries = parse(parse_component_value_list(query))
    assert queries is not None
    return evaluate(queries, medium)


@pytest.mark.parametrize(
    "query",
    [
        *("", "all", "print", "PRINT", "only print", "screen, print", "not screen", "not all and (hover)"),
        *("(min-width: 768px)", "(min-width:48em)", "(min-width: 20cm)", "(max-width: 1200px)"),
        *("(width >= 40rem)", "(40rem <= width < 60rem)", "(width > 700px)", "(700px < width)"),
        *("(width)", "(color)", "(min-color: 8)", "(orientation: portrait)", "(max-aspect-ratio: 3/4)"),
        *("print and (min-width: 600px)", "only print and (min-width: 600px) and (color)"),
        *("(min-width: 900px) or (min-height: 900px)", "not (min-width: 900px)", "(not (hover))"),
        *("((min-width: 1px) and (not (pointer: fine)))", "(min-resolution: 192dpi)"),
        *("(-webkit-min-device-pixel-ratio: 2)", "(min--moz-device-pixel-ratio: 2), print"),
        *("(prefers-color-scheme: light)", "(prefers-reduced-motion: reduce)", "(prefers-reduced-motion)"),
        *("(hover: none)", "(update: none)", "(overflow-block: paged)", "(min-device-width: 700px)"),
    ],
)
def test_it_matches_a_sheet_of_a4(query: str) -> None:
    assert matches(query)


@pytest.mark.parametrize(
    "query",
    [
        *("screen", "speech", "not print", "not all", "screen and (min-width: 1px)"),
        *("(min-width: 992px)", "(max-width: 600px)", "(width < 40em)", "(width = 600px)"),
        *("(orientation: landscape)", "(prefers-color-scheme: dark)", "(hover)", "(hover: hover)"),
        *("(any-pointer: fine)", "(pointer)", "(monochrome)", "(grid)", "(scripting: enabled)"),
        *("(prefers-reduced-motion: no-preference)", "(display-mode: standalone)", "not (color)"),
        *("print and (max-width: 600px)", "only screen and (prefers-color-scheme: dark)"),
    ],
)
def test_it_does_not_match_a_sheet_of_a4(query: str) -> None:
    assert not matches(query)


@pytest.mark.parametrize(
    "query", ["(shape: round)", "not (shape: round)", "(min-width: calc(1px + 1em))", "(min-hover: none)"]
)
def test_what_is_not_known_does_not_match(query: str) -> None:
    assert not matches(query)


@pytest.mark.parametrize(
    "query", ["(", "()", "and", "print or (color)", "(color) and (hover) or (grid)", "print (color)", "1px"]
)
def test_what_is_malformed_is_none(query: str) -> None:
    assert parse(parse_component_value_list(query)) is None


def test_a_malformed_query_leaves_the_others_of_its_list() -> None:
    assert matches("print or (color), print")


def test_the_width_is_that_of_the_sheet_in_the_options() -> None:
    assert matches("(max-width: 600px)", medium_of({"page_size": "a5"}))
    assert matches("(min-width: 1000px)", medium_of({"page_size": "a4", "orientation": "landscape"}))
    assert matches("(orientation: landscape)", medium_of({"orientation": "landscape"}))
    assert matches("(width: 96px) and (height: 192px)", medium_of({"page_size": "1in 2in"}))


def test_the_medium_is_that_of_the_options() -> None:
    assert matches("screen and (min-width: 700px)", medium_of({"media": "screen"}))
    assert not matches("print", medium_of({"media": "screen"}))


def test_a_medium_without_a_size_is_on_a4() -> None:
    assert matches("(min-width: 768px) and (max-width: 800px)", "print")
