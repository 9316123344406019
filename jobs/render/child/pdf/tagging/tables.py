"""Makes tables of the parts that tables have, whatever `display` makes of their elements.

With ``display: block``, as on GitHub, CSS makes a table box inside of the block, and WeasyPrint
tags both as `Table`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pydyf  # type: ignore[import-untyped]

from jobs.render.child.pdf.tagging.tree import children, referred, type_of, unwrap

_PARTS = frozenset({"Table", "THead", "TBody", "TFoot", "TR", "NonStruct"})
_IN_TABLES = frozenset({"THead", "TBody", "TFoot", "TR", "TH", "TD", "Caption"})
_WRAPPERS = frozenset({"NonStruct"})


def complete(pdf: pydyf.PDF, elements: Sequence[pydyf.Dictionary], boxes: Mapping[int, Any]) -> None:
    """Completes all tables. `boxes` are those of `Recording`."""
    for element in elements:
        if type_of(element) in _PARTS:
            outer = referred(pdf, element["P"])
            same = _source(element, boxes) is _source(outer, boxes) is not None
            if "S" in outer and same and type_of(outer) == type_of(element):
                outer["S"] = "/Div" if type_of(element) == "Table" else "/NonStruct"
    for element in reversed(elements):
        if type_of(element) in _PARTS:
            unwrap(pdf, element, _WRAPPERS, _IN_TABLES)
        if type_of(element) == "Table":
            _fill_rows(pdf, element)


def _source(element: pydyf.Dictionary, boxes: Mapping[int, Any]) -> Any:
    box = boxes.get(element.number)
    return None if box is None else box.element


def _fill_rows(pdf: pydyf.PDF, table: pydyf.Dictionary) -> None:
    """Ends spans of rows with the table on this page, and adds cells that are missing."""
    rows = list(_rows(pdf, table))
    lengths = [0] * len(rows)
    for at, row in enumerate(rows):
        for cell in children(pdf, row):
            attributes = cell.get("A", {})
            if attributes.get("RowSpan", 1) > len(rows) - at:
                attributes["RowSpan"] = len(rows) - at
            for below in range(at, at + attributes.get("RowSpan", 1)):
                lengths[below] += attributes.get("ColSpan", 1)
    for row, length in zip(rows, lengths, strict=True):
        for _ in range(max(lengths) - length):
            cell = pydyf.Dictionary(
                {
                    "Type": "/StructElem",
                    "S": "/TD",
                    "K": pydyf.Array(),
                    "Pg": row["Pg"],
                    "P": row.reference,
                    "A": pydyf.Dictionary({"O": "/Table"}),
                }
            )
            pdf.add_object(cell)
            row["K"].append(cell.reference)


def _rows(pdf: pydyf.PDF, element: pydyf.Dictionary) -> Iterator[pydyf.Dictionary]:
    for child in children(pdf, element):
        if type_of(child) == "TR":
            yield child
        elif type_of(child) in ("THead", "TBody", "TFoot"):
            yield from _rows(pdf, child)
