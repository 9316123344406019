"""Lets links and bookmarks within the document lead to structure elements.

PDF/UA-2 asks for it (ISO 14289-2, 8.8; ISO 32000-2, 12.3.2.3). Readers that do not know this use
the place on the page, which stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pydyf  # type: ignore[import-untyped]

from jobs.render.child.pdf.tagging.tree import referred


def point_to_elements(
    pdf: pydyf.PDF,
    elements: Sequence[pydyf.Dictionary],
    boxes: Mapping[int, Any],
    bookmarked: Sequence[Any],
) -> None:
    """Adds structure elements to all destinations. `boxes` and `bookmarked` are those recorded."""
    of_anchor: dict[str, pydyf.Dictionary] = {}
    of_box: dict[int, pydyf.Dictionary] = {}
    for element in elements:
        box = boxes.get(element.number)
        if box is not None:
            of_box.setdefault(id(box), element)
            if anchor := box.style["anchor"]:
                of_anchor.setdefault(anchor, element)
    whole = elements[0]
    names = pdf.catalog.get("Names", {}).get("Dests", {}).get("Names", [])
    for at in range(0, len(names), 2):
        place = names[at + 1]
        target = of_anchor.get(names[at].string, whole)
        names[at + 1] = pydyf.Dictionary({"D": place, "SD": _of_element(place, target)})
    waiting = list(bookmarked)
    for bookmark in _bookmarks(pdf):
        # Options may have left out some bookmarks, but not changed their order.
        label = bookmark["Title"].string
        same = next((each for each, box in enumerate(waiting) if box.bookmark_label == label), None)
        target = whole
        if same is not None:
            target = of_box.get(id(waiting[same]), whole)
            del waiting[: same + 1]
        bookmark["SE"] = target.reference
        bookmark["A"] = _action(bookmark.pop("Dest"), target)


def open_at_element(pdf: pydyf.PDF, elements: Sequence[pydyf.Dictionary]) -> None:
    """Adds a structure element to the place at which readers open the PDF, if it has one."""
    place = pdf.catalog.get("OpenAction")
    if isinstance(place, pydyf.Array):
        on_page = (each for each in elements[1:] if each.get("Pg") == place[0])
        pdf.catalog["OpenAction"] = _action(place, next(on_page, elements[0]))


def _action(place: Sequence[Any], element: pydyf.Dictionary) -> pydyf.Dictionary:
    return pydyf.Dictionary({"Type": "/Action", "S": "/GoTo", "D": place, "SD": _of_element(place, element)})


def _of_element(place: Sequence[Any], element: pydyf.Dictionary) -> pydyf.Array:
    return pydyf.Array((element.reference, *place[1:]))


def _bookmarks(pdf: pydyf.PDF) -> Iterator[pydyf.Dictionary]:
    """Yields all bookmarks, each before those below it."""
    waiting = [pdf.catalog["Outlines"]] if "Outlines" in pdf.catalog else []
    while waiting:
        item = referred(pdf, waiting.pop())
        if "Next" in item:
            waiting.append(item["Next"])
        if "First" in item:
            waiting.append(item["First"])
        if "Dest" in item:
            yield item
