"""Floating boxes in lines of text, such as drop caps.

- The text after a box that floats to the left of its line begins where the box ends. WeasyPrint
  moves the text before the box only, so that the text after it overlaps both.
- The lines of a column are laid out several times, until all columns are equally high. WeasyPrint
  makes another box for a ``::first-letter`` each time, and fails at a floating one.
"""

from __future__ import annotations

from typing import Any

import weasyprint.layout.inline
from weasyprint.formatting_structure.boxes import LineBox, ParentBox
from weasyprint.layout.inline import first_letter_to_box

_split_inline_box: Any = weasyprint.layout.inline.split_inline_box
_ROUNDING_PIXELS = 0.01


def apply() -> None:
    weasyprint.layout.inline.split_inline_box = _with_moved_text
    weasyprint.layout.inline.first_letter_to_box = _once


def _once(box: Any, skip_stack: Any, first_letter_style: Any) -> Any:
    first = box.children[0] if box.children else None
    if isinstance(first, ParentBox) and str(first.element_tag).endswith("::first-letter"):
        return skip_stack
    return first_letter_to_box(box, skip_stack, first_letter_style)


def _with_moved_text(context: Any, box: Any, *arguments: Any, **named: Any) -> Any:
    result = _split_inline_box(context, box, *arguments, **named)
    children = result[0].children
    if (
        context.excluded_shapes  # there are floating boxes
        and isinstance(box, LineBox)
        and box.style["direction"] == "ltr"
        and any(_is_beside(child, box) for child in children)
    ):
        _move_text(children, box)
    return result


def _is_beside(child: Any, line: Any) -> bool:
    """Tells whether the child floats to the left of the line."""
    is_left = child.is_floated() and child.style["float"] in ("left", "inline-start")
    return is_left and bool(child.position_y <= line.position_y + _ROUNDING_PIXELS)


def _move_text(children: Any, line: Any) -> None:
    """Makes each part of the text begin where the one before it ends, or the box at the start."""
    end = None
    for child in children:
        if child.is_in_normal_flow():
            if end is not None and child.position_x < end - _ROUNDING_PIXELS:
                child.translate(dx=end - child.position_x, ignore_floats=True)
            end = child.position_x + child.margin_width()
        elif end is None and _is_beside(child, line):
            end = child.position_x + child.margin_width()
