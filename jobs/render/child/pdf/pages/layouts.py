"""Places pages on sheets. Pure. Sizes are in points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Size = tuple[float, float]
"""Width and height."""


class Layout(NamedTuple):
    sheet: Size
    cells: list[tuple[float, float, float, float]]
    """Left, bottom, right and top of each page, in the order of the pages."""


def layout(count: int, *, page: Size, sheet: Size, gap: float, right_to_left: bool = False) -> Layout:
    """Returns the layout in which pages of this size are largest: with the sheet upright or lying.

    `gap` is between pages, and between them and the edges of the sheet.
    """
    columns, size = max(
        (
            (columns, turned)
            for columns in range(1, count + 1)
            if count % columns == 0
            for turned in (sheet, sheet[::-1])
        ),
        key=lambda each: _scale(each[0], count // each[0], each[1], page, gap),
    )
    rows = count // columns
    width, height = (max(1.0, part) for part in _cell(columns, rows, size, gap))
    cells = []
    for number in range(count):
        row, column = divmod(number, columns)
        if right_to_left:
            column = columns - 1 - column
        left = gap + column * (width + gap)
        top = size[1] - gap - row * (height + gap)
        cells.append((left, top - height, left + width, top))
    return Layout(size, cells)


def _cell(columns: int, rows: int, sheet: Size, gap: float) -> Size:
    return (sheet[0] - gap) / columns - gap, (sheet[1] - gap) / rows - gap


def _scale(columns: int, rows: int, sheet: Size, page: Size, gap: float) -> float:
    width, height = _cell(columns, rows, sheet, gap)
    return round(min(width / page[0], height / page[1]), 6)


def side_count(page_count: int, wanted: Mapping[str, Any]) -> int:
    """Returns how many sides of sheets the option `imposition` makes of the pages."""
    if wanted.get("booklet"):
        return len(booklet_order(page_count)) // 2
    return -(-page_count // int(wanted["n_up"]))


def booklet_order(count: int, *, right_to_left: bool = False) -> list[int | None]:
    """Returns the pages, counted from 0, for the sides of sheets that are folded in the middle.

    There are two for each side: left and right, first the front and then the back of each sheet,
    the outermost sheet first. None is an empty page at the end.
    """
    total = -(-count // 4) * 4
    order: list[int] = []
    for sheet in range(total // 4):
        outer, inner = 2 * sheet, 2 * sheet + 1
        sides = ((total - 1 - outer, outer), (inner, total - 1 - inner))
        for left, right in sides:
            order += (right, left) if right_to_left else (left, right)
    return [at if at < count else None for at in order]
