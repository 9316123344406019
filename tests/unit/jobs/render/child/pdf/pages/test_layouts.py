from __future__ import annotations

from typing import Any

import pytest

from jobs.render.child.pdf.pages.layouts import Size, booklet_order, layout, side_count

A4: Size = (595, 842)
LYING: Size = (842, 595)


@pytest.mark.parametrize(
    ("count", "page", "sheet"),
    [(2, A4, LYING), (4, A4, A4), (6, A4, LYING), (8, A4, LYING), (9, A4, A4), (16, A4, A4), (2, LYING, A4)],
)
def test_a_sheet_lies_or_stands_as_the_pages_are_largest(count: int, page: Size, sheet: Size) -> None:
    assert layout(count, page=page, sheet=A4, gap=0).sheet == sheet


def test_pages_go_row_by_row_from_the_upper_left() -> None:
    found = layout(4, page=A4, sheet=(200, 280), gap=0)
    assert found.cells == [(0, 140, 100, 280), (100, 140, 200, 280), (0, 0, 100, 140), (100, 0, 200, 140)]


def test_pages_may_go_from_right_to_left() -> None:
    found = layout(4, page=A4, sheet=(200, 280), gap=0, right_to_left=True)
    assert [cell[0] for cell in found.cells] == [100, 0, 100, 0]


def test_a_gap_is_between_pages_and_at_the_edges() -> None:
    found = layout(4, page=A4, sheet=(200, 280), gap=10)
    assert found.cells[0] == (10, 145, 95, 270)
    assert found.cells[3] == (105, 10, 190, 135)


def test_a_gap_that_leaves_no_room_still_has_cells() -> None:
    for left, bottom, right, top in layout(9, page=A4, sheet=A4, gap=5000).cells:
        assert (right - left, top - bottom) == (1, 1)


@pytest.mark.parametrize(
    ("count", "order"),
    [
        (1, [None, 0, None, None]),
        (4, [3, 0, 1, 2]),
        (6, [None, 0, 1, None, 5, 2, 3, 4]),
        (8, [7, 0, 1, 6, 5, 2, 3, 4]),
    ],
)
def test_a_folded_booklet_has_its_pages_in_order(count: int, order: list[int | None]) -> None:
    assert booklet_order(count) == order


@pytest.mark.parametrize(
    ("wanted", "sides"), [({"n_up": 4}, [1, 1, 2, 2]), ({"booklet": True}, [2, 2, 4, 4])]
)
def test_sides_of_sheets_are_counted(wanted: dict[str, Any], sides: list[int]) -> None:
    assert [side_count(pages, wanted) for pages in (1, 4, 5, 8)] == sides


def test_a_booklet_may_be_read_from_right_to_left() -> None:
    assert booklet_order(4, right_to_left=True) == [0, 3, 2, 1]
