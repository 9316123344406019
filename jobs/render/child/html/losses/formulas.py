"""Finds formulas in MathML that are drawn as plain text, and not as they should look."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from xml.etree.ElementTree import Element

from weasyprint.formatting_structure.boxes import InlineBox

MATHML = "{http://www.w3.org/1998/Math/MathML}"
_BELOW_OR_ABOVE = ("msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts")
_OTHERS = ("mfrac", "msqrt", "mroot", "mtable", "menclose")
STRUCTURES = frozenset(MATHML + name for name in (*_BELOW_OR_ABOVE, *_OTHERS))
"""Elements that mean something by how their parts are arranged (MathML 3, chapter 3)."""


def has_formulas(root: Element) -> bool:
    return next(root.iter(f"{MATHML}math"), None) is not None


def plain_formulas(boxes: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    """Returns the boxes that are drawn as plain text, and their pages.

    `boxes` are those of `STRUCTURES`. A document may arrange the parts of formulas by CSS.
    """
    return {box: page for box, page in boxes if box.element_tag in STRUCTURES and _is_plain(box)}


def _is_plain(box: Any) -> bool:
    parts = [box, *box.children]
    return all(_flows(part) for part in parts)


def _flows(box: Any) -> bool:
    """Tells whether the box is a part of the line like any text."""
    style = box.style
    is_inline = isinstance(box, InlineBox) or not hasattr(box, "children")
    return is_inline and style["vertical_align"] in ("baseline", 0) and style["position"] == "static"
