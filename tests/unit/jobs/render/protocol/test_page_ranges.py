from __future__ import annotations

import pytest

from jobs.render.protocol import page_ranges
from jobs.render.protocol.page_ranges import BeyondLastPage


@pytest.mark.parametrize(
    ("text", "spelled", "count", "pages"),
    [
        ("1", "1", 1, [0]),
        ("1-3,5,8-", "1-3,5,8-", None, [0, 1, 2, 4, 7, 8, 9]),
        (" 3 , 1-2 ", "3,1-2", 3, [2, 0, 1]),
        ("2,2", "2,2", 2, [1, 1]),
        ("007-7", "7", 1, [6]),
        ("10-", "10-", None, [9]),
    ],
)
def test_pages_are_returned_in_the_order_in_which_they_are_written(
    text: str, spelled: str, count: int | None, pages: list[int]
) -> None:
    assert page_ranges.canonical(text) == spelled
    assert page_ranges.count(text) == count
    assert list(page_ranges.resolve(text, 10)) == pages


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "1,",
        "0",
        "0-3",
        "-3",
        "3-1",
        "1-2-3",
        "a",
        "1;2",
        "1 2",
        "1.5",
        "٣",
        "1" * 8,
        "1," * 300 + "1",
    ],
)
def test_text_that_is_not_a_page_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"page|range"):
        page_ranges.parse(text)


@pytest.mark.parametrize(("text", "page"), [("11", 11), ("1-11", 11), ("1,12-", 12), ("9999999", 9999999)])
def test_a_page_that_does_not_exist_is_an_error_before_the_first_page(text: str, page: int) -> None:
    with pytest.raises(BeyondLastPage, match=f"no page {page}: it has 10"):
        page_ranges.resolve(text, 10)
