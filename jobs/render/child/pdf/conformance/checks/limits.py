"""Limits of numbers, strings and containers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pikepdf import Array, Dictionary, Name, Stream, String

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.objects import items, number
from jobs.render.child.pdf.conformance.variants import Variant

_MAX_INTEGER = 2**31 - 1
_MAX_NAME_BYTES = 127
_MAX_OBJECTS = 8_388_607
_MAX_NESTING = 28
_MAX_STRING_BYTES = {1: 65_535, 2: 32_767, 3: 32_767}
"""By part of ISO 19005, as the limits of PDF 1.4 and 1.7 differ."""
_MAX_REAL = {1: 32_767.0, 2: 3.403e38, 3: 3.403e38}
_MAX_ARRAY_ITEMS = 8_191
_MAX_DICTIONARY_ENTRIES = 4_095
_PAGE_POINTS = range(3, 14_400 + 1)


@check({"PDF/A-1": "6.1.12", "PDF/A-2": "6.1.13", "PDF/A-3": "6.1.13"})
def limits(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Values keep to the limits of implementations (PDF Reference 1.4 and ISO 32000-1, annex C)."""
    if len(file.document.objects) > _MAX_OBJECTS:
        yield Problem(f"the file has more than {_MAX_OBJECTS} objects")
    for value in file.values:
        if reason := _beyond(value, variant.part):
            yield Problem(reason)
    for content in file.contents.streams:
        if content.nesting > _MAX_NESTING:
            yield Problem(
                f"graphics states are nested {content.nesting} deep, more than {_MAX_NESTING}",
                content.page,
            )
        if content.largest > _MAX_REAL[variant.part]:
            yield Problem(
                f"a coordinate is {content.largest:g}, more than {_MAX_REAL[variant.part]:g}: something is drawn "
                "far outside of the page",
                content.page,
            )


def _beyond(value: Any, part: int) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return f"an integer is {value}" if abs(value) > _MAX_INTEGER else None
    if isinstance(value, float | Decimal):
        return f"a number is {value:g}" if abs(float(value)) > _MAX_REAL[part] else None
    if isinstance(value, String):
        length, limit = len(bytes(value)), _MAX_STRING_BYTES[part]
        return f"a text has {length} bytes, more than {limit}" if length > limit else None
    if isinstance(value, Name):
        length = len(bytes(value)) - 1
        return f"a name has {length} bytes, more than {_MAX_NAME_BYTES}" if length > _MAX_NAME_BYTES else None
    if part > 1:
        return None
    if isinstance(value, Array) and len(value) > _MAX_ARRAY_ITEMS:
        return f"an array has {len(value)} items, more than {_MAX_ARRAY_ITEMS}: make the document shorter"
    if isinstance(value, Dictionary | Stream) and len(list(value.keys())) > _MAX_DICTIONARY_ENTRIES:
        return f"a dictionary has more than {_MAX_DICTIONARY_ENTRIES} entries"
    return None


@check({"PDF/A-2": "6.1.13", "PDF/A-3": "6.1.13"})
def page_sizes(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Pages are at least 3 and at most 14,400 points wide and high."""
    for page_number, page in enumerate(file.document.pages, 1):
        boxes = (page.obj.get(key) for key in ("/CropBox", "/BleedBox", "/TrimBox", "/ArtBox"))
        for box in (page.mediabox, *boxes):
            edges = [number(each) or 0 for each in items(box)]
            if len(edges) == 4 and not all(
                _PAGE_POINTS[0] <= abs(end - start) <= _PAGE_POINTS[-1]
                for start, end in zip(edges[:2], edges[2:], strict=True)
            ):
                yield Problem("the page is smaller than 3 points or larger than 14400", page_number)
                break


@check({"PDF/A-1": "6.2.10", "PDF/A-2": "6.2.2", "PDF/A-3": "6.2.2", "PDF/A-4": "6.2.2"})
def operators(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Content streams have only operators that the PDF specification defines."""
    for content in file.contents.streams:
        for operator in sorted(content.unknown_operators):
            yield Problem(f"the content has the unknown operator {operator[:20]}", content.page)


CHECKS: tuple[Check, ...] = (limits, page_sizes, operators)
