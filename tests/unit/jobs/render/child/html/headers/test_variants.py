from __future__ import annotations

from typing import Any

import pytest

from jobs.render.child.html.headers.variants import Variants

ALL = {"default": "d", "first": "f", "left": "l", "right": "r"}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"default": "d"}, ["d", "d", "d"]),
        (ALL, ["f", "l", "r"]),
        ({"default": "d", "first": ""}, [None, "d", "d"]),
        ({"default": "d", "left": "l"}, ["d", "l", "d"]),
        ({"right": "r"}, ["r", None, "r"]),
        ({"default": " \n"}, [None, None, None]),
    ],
)
def test_the_first_page_comes_before_sides_and_sides_before_all(
    header: dict[str, str], expected: list[str | None]
) -> None:
    variants = Variants({"header_html": header})
    found = [variants.on_page("top", index, side) for index, side in enumerate(["right", "left", "right"])]
    assert [each and each.html for each in found] == expected
    assert variants.on_page("bottom", 0, "right") is None


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, []),
        ({"header_html": {"default": "d", "first": "f"}}, ["header_html", "header_html/first"]),
        ({"footer_html": {"default": "d", "left": ""}}, ["footer_html"]),
    ],
)
def test_messages_name_the_option(options: dict[str, Any], names: list[str]) -> None:
    assert [variant.name for variant in Variants(options).all()] == names


def test_without_the_options_there_is_nothing_to_do() -> None:
    assert not Variants({"page_size": "a4"})
    assert Variants({"header_html": {"default": ""}})  # which takes the place of the document's own
