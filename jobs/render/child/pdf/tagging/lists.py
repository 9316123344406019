"""Makes lists of the parts that lists have: items, with a label or a body in each.

HTML allows ``<div>`` around the terms of a ``<dl>``, and CSS makes boxes around other content. In
PDF, `L` has `LI` and `L` in it, and `LI` has `Lbl` and `LBody` (ISO 32000-1, 14.8.4.3.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pydyf  # type: ignore[import-untyped]

from jobs.render.child.pdf.tagging.tree import children, referred, type_of, unwrap, wrapped

_IN_LISTS = frozenset({"L", "LI", "Caption"})
_IN_ITEMS = frozenset({"Lbl", "LBody"})
_WRAPPERS = frozenset({"Div", "NonStruct", "Span", "Sect", "P"})


def complete(pdf: pydyf.PDF, elements: Sequence[pydyf.Dictionary], boxes: Mapping[int, Any]) -> None:
    """Completes all lists. `boxes` are those of `Recording`."""
    for element in elements:
        if type_of(element) == "L":
            unwrap(pdf, element, _WRAPPERS, _IN_LISTS)
            for child in children(pdf, element):
                if type_of(child) not in _IN_LISTS:
                    item = wrapped(pdf, child, element, "LI")
                    wrapped(pdf, child, item, "LBody")
    for element in elements:
        parent = referred(pdf, element["P"])
        outer = type_of(parent) if "S" in parent else ""
        if type_of(element) == "LI" and outer != "L":
            if _is_part_of(pdf, element, boxes):
                element["S"] = "/NonStruct"
            else:
                wrapped(pdf, element, parent, "L")
        elif type_of(element) == "LBody" and outer != "LI":
            element["S"] = "/NonStruct"
    for element in elements:
        if type_of(element) == "LI":
            for child in children(pdf, element):
                if type_of(child) not in _IN_ITEMS:
                    wrapped(pdf, child, element, "LBody")


def _is_part_of(pdf: pydyf.PDF, element: pydyf.Dictionary, boxes: Mapping[int, Any]) -> bool:
    """Tells whether an item is in another one of the same element, as with ``display: table``."""
    box = boxes.get(element.number)
    parent = referred(pdf, element["P"])
    while "S" in parent:
        around = boxes.get(parent.number)
        if box is not None and around is not None and box.element is around.element:
            return True
        parent = referred(pdf, parent["P"])
    return False
