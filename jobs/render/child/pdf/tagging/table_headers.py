"""Says of each header of a table whether it heads a row or a column (HTML, 4.9.12.2).

WeasyPrint takes a ``<th>`` without ``scope`` for the header of its column.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

_OF_ROWS = frozenset({"row", "rowgroup"})


def complete(tree: Element) -> None:
    """Sets ``scope`` of every ``<th>`` to ``row`` or ``col``."""
    for table in tree.iter("table"):
        for row, in_head in _rows(table):
            cells = [cell for cell in row if cell.tag in ("th", "td")]
            has_data = any(cell.tag == "td" and not _is_empty(cell) for cell in cells)
            only_headers_before = True
            for cell in cells:
                if cell.tag == "th":
                    scope = cell.get("scope", "").lower()
                    heads_row = scope in _OF_ROWS or (
                        not scope.startswith("col") and has_data and only_headers_before and not in_head
                    )
                    cell.set("scope", "row" if heads_row else "col")
                else:
                    only_headers_before = False


def _rows(table: Element) -> Iterator[tuple[Element, bool]]:
    """Yields the rows of a table without those of tables in it, and whether they are its head."""
    for part in table:
        if part.tag == "tr":
            yield part, False
        elif part.tag in ("thead", "tbody", "tfoot"):
            yield from ((row, part.tag == "thead") for row in part if row.tag == "tr")


def _is_empty(cell: Element) -> bool:
    return not len(cell) and not (cell.text or "").strip()
