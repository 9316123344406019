"""The option `bookmark_depth`, looked at in the PDF."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.jobs.render.child.html.conftest import Render

DOCUMENT = "<h1>A</h1><h3>A.1</h3><h4>A.1.1</h4><h1>B</h1><h2>B.1</h2>"


def titles(items: Any) -> list[Any]:
    return [[item.title, *titles(item.children)] for item in items]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [["A", ["A.1", ["A.1.1"]]], ["B", ["B.1"]]]),
        ({"bookmark_depth": 2}, [["A", ["A.1"]], ["B", ["B.1"]]]),
        ({"bookmark_depth": 1}, [["A"], ["B"]]),
        ({"bookmark_depth": 0}, []),
        ({"bookmark_depth": 1, "page_ranges": "1"}, [["A"], ["B"]]),
    ],
)
def test_deeper_levels_are_left_out(render: Render, options: dict[str, Any], expected: list[Any]) -> None:
    pdf, _ = render(DOCUMENT, **options)
    assert ("/Outlines" in pdf.Root) == bool(expected)
    with pdf.open_outline() as outline:
        assert titles(outline.root) == expected
