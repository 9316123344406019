"""Tables: that cells fill a grid, and that the headers of each cell can be found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.objects import items, name
from jobs.render.child.pdf.conformance.structure import Tag
from jobs.render.child.pdf.conformance.variants import Variant

_MAX_SPAN = 1000
"""As in HTML (section 4.9.11)."""
_SCOPES = ("Row", "Column", "Both")


@dataclass(frozen=True, slots=True)
class _Cell:
    tag: Tag
    row: int
    column: int
    rows: int
    columns: int


@check({"PDF/UA-1": "7.2", "PDF/UA-2": "8.2.5.26"})
def regular_tables(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """All rows of a table have the same number of cells, with their spans, and none overlap."""
    for table in file.structure.of_type("Table"):
        cells, overlap = _grid(table)
        rows = max((cell.row + 1 for cell in cells), default=0)
        if overlap:
            yield Problem("cells of a table overlap", *table.place)
        elif any(cell.row + cell.rows > rows for cell in cells):
            yield Problem("a cell of a table spans more rows than there are", *table.place)
        else:
            lengths = [0] * rows
            for cell in cells:
                for row in range(cell.row, cell.row + cell.rows):
                    lengths[row] += cell.columns
            if len(set(lengths)) > 1:
                shortest, longest = min(lengths), max(lengths)
                yield Problem(
                    f"rows of a table have different numbers of cells: {shortest} and {longest}", *table.place
                )


@check({"PDF/UA-1": "7.5", "PDF/UA-2": "8.2.5.26"})
def table_headers(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """The headers of each cell can be told: cells name them, or headers have a scope.

    Matterhorn 15-003.
    """
    for table in file.structure.of_type("Table"):
        cells, _overlap = _grid(table)
        headers = [cell.tag for cell in cells if cell.tag.type == "TH"]
        if not headers:
            continue
        known = {bytes(value) for tag in headers if (value := tag.element.get("/ID")) is not None}
        all_name_theirs = True
        for cell in cells:
            if cell.tag.type == "TD":
                named = [bytes(each) for each in items(cell.tag.attribute("/Headers"))]
                all_name_theirs &= bool(named)
                if not known.issuperset(named):
                    yield Problem("a cell names a header that does not exist", *cell.tag.place)
        if not all_name_theirs:
            for tag in headers:
                if name(tag.attribute("/Scope")) not in _SCOPES:
                    yield Problem(
                        "a header does not say whether it heads a row or a column: use scope in <th>",
                        *tag.place,
                    )


def _grid(table: Tag) -> tuple[list[_Cell], bool]:
    """Returns the cells of a table in their places, and whether some overlap."""
    taken: set[tuple[int, int]] = set()
    cells: list[_Cell] = []
    overlap = False
    for row, tag in enumerate(_rows(table)):
        column = 0
        for each in tag.children:
            if each.type not in ("TH", "TD"):
                continue
            rows, columns = _span(each, "/RowSpan"), _span(each, "/ColSpan")
            while (row, column) in taken:
                column += 1
            place = {(row + down, column + along) for down in range(rows) for along in range(columns)}
            overlap |= bool(place & taken)
            taken |= place
            cells.append(_Cell(each, row, column, rows, columns))
            column += columns
    return cells, overlap


def _rows(tag: Tag) -> Iterator[Tag]:
    for each in tag.children:
        if each.type == "TR":
            yield each
        elif each.type in ("THead", "TBody", "TFoot"):
            yield from _rows(each)


def _span(cell: Tag, key: str) -> int:
    value = cell.attribute(key)
    return min(max(value, 1), _MAX_SPAN) if isinstance(value, int) else 1


CHECKS: tuple[Check, ...] = (regular_tables, table_headers)
