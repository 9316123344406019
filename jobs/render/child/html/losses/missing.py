"""Finds content that is in no page, since WeasyPrint does not break the box around it.

A box with a height, one that floats, an inline block, or one that `position` places may be longer
than its page. Often what does not fit is left out then, and not drawn on the next page as in
browsers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import inf
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import weasyprint.document
from weasyprint.formatting_structure.boxes import InlineBlockBox, ReplacedBox, TextBox

from jobs.render.child.html.losses.drawn import Drawn, size_of

_NOT_COUNTED = 5
"""Characters that an element may lack: collapsed spaces, and counters that change."""
_MAX_EXAMPLE_CHARACTERS = 30

_build = weasyprint.document.build_formatting_structure  # type: ignore[attr-defined]


class Missing(NamedTuple):
    """Content of an element that is not drawn."""

    box: Any
    """The box that is not broken, as it was before the layout."""
    what: str
    """What is missing, in words."""


class BoxTree:
    """Keeps the boxes of documents as they are before they are laid out."""

    def __init__(self) -> None:
        self._roots: dict[Element, Any] = {}
        """By the root element: headers and footers may be documents of their own."""

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keeps the boxes of each document that is laid out meanwhile."""
        weasyprint.document.build_formatting_structure = self._building  # type: ignore[attr-defined]
        try:
            yield
        finally:
            weasyprint.document.build_formatting_structure = _build  # type: ignore[attr-defined]
            self.forget()

    def forget(self) -> None:
        """Frees the boxes. They need about as much memory as those of the pages."""
        self._roots.clear()

    def _building(self, element: Element, *args: Any) -> Any:
        root = self._roots[element] = _build(element, *args)  # type: ignore[no-untyped-call]
        return root

    def missing(self, element: Element, drawn: Drawn) -> list[Missing]:
        """Returns what is missing in `drawn`, once for each box that is not broken."""
        root = self._roots[element]
        lost = {
            each
            for each, size in _sizes(root).items()
            if each not in drawn.sizes or drawn.sizes[each] + _NOT_COUNTED < size
        }
        found: dict[Any, Missing] = {}
        for each in _explained(root, lost, drawn, None) if lost else ():
            found.setdefault(each.box, each)
        return [each for each in found.values() if _is_drawn(each.box, drawn.sizes)]


def _sizes(root: Any) -> Mapping[Element, int]:
    """Returns how much text, or how many images, each element has of its own."""
    sizes: dict[Element, int] = {}
    left = [root]
    while left:
        for box in left.pop().children:
            if box.children:
                left.append(box)
            elif (size := size_of(box)) > 0:
                sizes[box.element] = sizes.get(box.element, 0) + size
    return sizes


def _explained(box: Any, lost: set[Element], drawn: Drawn, unbroken: Any) -> Iterator[Missing]:
    """Yields what is lost inside a box, but not what the document hides."""
    style = box.style
    if isinstance(box, TextBox | ReplacedBox):
        if unbroken is not None and box.element in lost and style["visibility"] == "visible":
            yield Missing(unbroken, _described(box, box.element in drawn.sizes))
        return
    position = style["position"]
    has_height = style["height"] != "auto"
    if (
        (style["overflow"] == "hidden" and (has_height or style["max_height"].value < inf))
        or style["opacity"] == 0
        or style["continue"] == "discard"
        or isinstance(position, tuple)  # a running element, which no margin box may use
        or box.element in drawn.outside
    ):
        return
    is_out_of_flow = position in ("absolute", "fixed") or style["float"] != "none"
    if unbroken is None and (has_height or is_out_of_flow or isinstance(box, InlineBlockBox)):
        unbroken = box
    for child in box.children:
        yield from _explained(child, lost, drawn, unbroken)


def _described(box: Any, is_partly_drawn: bool) -> str:
    if not isinstance(box, TextBox):
        return "an image"
    begin = box.text.strip()[:_MAX_EXAMPLE_CHARACTERS]
    return f'a part of the text "{begin}…"' if is_partly_drawn else f'the text from "{begin}" on'


def _is_drawn(box: Any, sizes: Mapping[Element, int]) -> bool:
    """Tells whether some of the content is drawn: what is not at all may be hidden on purpose."""
    if not box.children:
        return box.element in sizes
    return any(_is_drawn(child, sizes) for child in box.children)
