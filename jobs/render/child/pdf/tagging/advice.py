"""Finds what assistive technology needs and only the author can give."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

_FIELDS = frozenset({"input", "select", "textarea"})
_WITHOUT_LABEL = frozenset({"hidden", "submit", "button", "reset", "image"})
_WITHOUT_MEANING = frozenset({"presentation", "none"})


def advice(tree: Element, *, with_forms: bool) -> Iterator[tuple[Element, str]]:
    """Yields elements, and what each lacks. Call it when labels and headers are complete."""
    for table in tree.iter("table"):
        if table.get("role") not in _WITHOUT_MEANING and _looks_like_data(table):
            yield (
                table,
                'The table has no header cells: use <th>, or role="presentation" if it is for layout only.',
            )
    if with_forms:
        for field in tree.iter():
            if field.tag in _FIELDS and field.get("type") not in _WITHOUT_LABEL and not field.get("title"):
                yield field, "The form field has no label: use <label>, or aria-label."


def _looks_like_data(table: Element) -> bool:
    """Tells whether the table has several rows of several cells, and no header."""
    rows = [[cell.tag for cell in row if cell.tag in ("td", "th")] for row in table.iter("tr")]
    return sum(len(row) > 1 for row in rows) > 1 and not any("th" in row for row in rows)
