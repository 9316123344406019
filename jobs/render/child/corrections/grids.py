"""What WeasyPrint does not do in a ``display: grid``.

- ``repeat(auto-fit, minmax(12em, 1fr))`` makes as many columns as fit, and not one. The number is
  known when the width of the grid is, so it is put into the style of the grid right before its
  layout (CSS Grid Layout 2, section 7.2.3.2).
- Boxes with an absolute or a fixed position take no place in the grid (section 9).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import weasyprint.layout.block
import weasyprint.layout.grid
import weasyprint.layout.inline
from weasyprint.css.units import LENGTHS_TO_PIXELS
from weasyprint.layout.absolute import AbsolutePlaceholder, absolute_layout

_grid_layout: Any = weasyprint.layout.grid.grid_layout
_COLUMNS = "grid_template_columns"
_REPEAT = "repeat()"
_MAX_COLUMNS = 500
"""More do not fit on paper. Without a limit, one rule could use up the memory."""


def apply() -> None:
    for module in (weasyprint.layout.block, weasyprint.layout.grid, weasyprint.layout.inline):
        module.grid_layout = _corrected_layout  # type: ignore[attr-defined]


def _corrected_layout(
    context: Any,
    box: Any,
    bottom_space: Any,
    skip_stack: Any,
    containing_block: Any,
    page_is_empty: bool,
    absolute_boxes: list[Any],
    fixed_boxes: list[Any],
) -> Any:
    items = [child for child in box.children if not child.is_absolutely_positioned()]
    tracks = box.style[_COLUMNS]
    if isinstance(tracks, tuple) and any(_is_automatic(track) for track in tracks):
        box.style = box.style.copy()
        box.style[_COLUMNS] = _counted(tracks, _width(box, containing_block), _gap(box), len(items))
    positioned = [child for child in box.children if child not in items]
    if positioned:
        box = box.copy()
        box.children = items
    result = _grid_layout(
        context, box, bottom_space, skip_stack, containing_block, page_is_empty, absolute_boxes, fixed_boxes
    )
    grid = result[0]
    if positioned and grid is not None and skip_stack is None:
        placeholders = [_placed(child, grid) for child in positioned]
        grid.children = [*grid.children, *placeholders]
        for placeholder in placeholders:
            if placeholder.style["position"] == "fixed":
                fixed_boxes.append(placeholder)
            elif grid.style["position"] == "static":
                absolute_boxes.append(placeholder)
            else:
                absolute_layout(context, placeholder, grid, fixed_boxes, bottom_space, skip_stack=None)
    return result


def _placed(child: Any, grid: Any) -> AbsolutePlaceholder:
    child.position_x, child.position_y = grid.content_box_x(), grid.content_box_y()
    return AbsolutePlaceholder(child)


def _is_automatic(track: Any) -> bool:
    return isinstance(track, tuple) and len(track) == 3 and track[0] == _REPEAT and isinstance(track[1], str)


def _counted(tracks: Sequence[Any], width: float, gap: float, items: int) -> tuple[Any, ...]:
    """Returns the tracks with a number in the place of ``auto-fit`` or ``auto-fill``."""
    # The sizes are at odd places, between the names of lines.
    others = [track for track in tracks[1::2] if not _is_automatic(track)]
    free = width + gap - sum(_size(track, width) + gap for track in others)
    counted = []
    for track in tracks:
        if _is_automatic(track):
            _, how, repeated = track
            sizes = repeated[1::2]
            number = 1
            if all(_size(size, width) > 0 for size in sizes):  # else it is not a valid list
                total = sum(max(_size(size, width), 1) + gap for size in sizes)
                number = max(1, min(math.floor(free / total), _MAX_COLUMNS // len(sizes)))
            if how == "auto-fit":  # columns without items have no width
                number = max(1, min(number, math.ceil(items / len(sizes))))
            track = (_REPEAT, number, repeated)
        counted.append(track)
    return tuple(counted)


def _size(track: Any, width: float) -> float:
    """Returns the size of a column in pixels as far as it is definite, else 0."""
    if isinstance(track, tuple) and len(track) == 3 and track[0] == "minmax()":
        return _size(track[2], width) or _size(track[1], width)
    unit = getattr(track, "unit", None)
    if unit == "%":
        return float(track.value) * width / 100
    return float(track.value) * LENGTHS_TO_PIXELS[unit] if unit in LENGTHS_TO_PIXELS else 0


def _width(box: Any, containing_block: Any) -> float:
    if box.width != "auto":
        return float(box.width)
    edges = ("margin_left", "margin_right", "border_left_width", "border_right_width")
    taken = [getattr(box, name) for name in (*edges, "padding_left", "padding_right")]
    return float(containing_block.width - sum(each for each in taken if each != "auto"))


def _gap(box: Any) -> float:
    gap = box.style["column_gap"]
    return 0 if gap == "normal" else _size(gap, 0)
