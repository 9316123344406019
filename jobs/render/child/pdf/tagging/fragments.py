"""Joins what page breaks and columns have divided: an element of the document has one tag.

Tables stay divided, because each part has its own head. So do links and images, which are drawn in
pieces (ISO 32000-1, 14.8.4.3: a paragraph is one element, wherever its lines are).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydyf  # type: ignore[import-untyped]

from jobs.render.child.pdf.tagging.tree import children, referred, type_of

_DIVIDED = frozenset({"Table", "THead", "TBody", "TFoot", "TR", "TH", "TD", "Link", "Figure", "Form"})


def join(pdf: pydyf.PDF, boxes: Mapping[int, Any]) -> None:
    """Joins neighbours that were made of the same element. `boxes` are those of `Recording`."""
    waiting = [referred(pdf, kid) for kid in referred(pdf, pdf.catalog["StructTreeRoot"])["K"]]
    while waiting:
        parent = waiting.pop()
        kids = pydyf.Array()
        last: pydyf.Dictionary | None = None
        for kid in parent["K"]:
            child = referred(pdf, kid) if isinstance(kid, bytes | str) else None
            if child is None or "S" not in child:
                kids.append(kid)
                last = None
            elif last is not None and _is_continued(last, child, boxes):
                for inner in children(pdf, child):
                    inner["P"] = last.reference
                last["K"].extend(child["K"])
                child.clear()  # nothing refers to it any more
            else:
                kids.append(kid)
                last = child
                waiting.append(child)
        parent["K"] = kids


def _is_continued(first: pydyf.Dictionary, second: pydyf.Dictionary, boxes: Mapping[int, Any]) -> bool:
    """Tells whether two elements are parts of one, and have only other elements in them."""
    one, other = boxes.get(first.number), boxes.get(second.number)
    return (
        one is not None
        and other is not None
        and one is not other
        and one.element is not None
        and one.element is other.element
        and one.element_tag == other.element_tag
        and type_of(first) == type_of(second)
        and type_of(first) not in _DIVIDED
        and all(isinstance(kid, bytes | str) for kid in (*first["K"], *second["K"]))
    )
