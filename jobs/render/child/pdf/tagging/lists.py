"""Makes lists of the parts that lists have: items, with a label or a body in each.

HTML allows ``<div>`` around the terms of a ``<dl>``, and CSS makes boxes around other content. In
PDF, `L` has `LI` and `L` in it, and `LI` has `Lbl` and `LBody` (ISO 32000-1, 14.8.4.3.3).
"""

from __future__ import annotations

from collections.abc import Sequence

import pydyf  # type: ignore[import-untyped]

from jobs.render.child.pdf.tagging.tree import children, type_of, unwrap, wrapped

_IN_LISTS = frozenset({"L", "LI", "Caption"})
_IN_ITEMS = frozenset({"Lbl", "LBody"})
_WRAPPERS = frozenset({"Div", "NonStruct", "Span", "Sect", "P"})


def complete(pdf: pydyf.PDF, elements: Sequence[pydyf.Dictionary]) -> None:
    """Completes all lists."""
    for element in elements:
        if type_of(element) == "L":
            unwrap(pdf, element, _WRAPPERS, _IN_LISTS)
            for child in children(pdf, element):
                if type_of(child) not in _IN_LISTS:
                    item = wrapped(pdf, child, element, "LI")
                    wrapped(pdf, child, item, "LBody")
    for element in elements:
        if type_of(element) == "LI":
            for child in children(pdf, element):
                if type_of(child) not in _IN_ITEMS:
                    wrapped(pdf, child, element, "LBody")
