"""Names the elements of a document in warnings."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

_MAX_ATTRIBUTE_CHARACTERS = 40


class ElementNames:
    def __init__(self, root: Element) -> None:
        self._root = root
        self._numbers: dict[Element, int] = {}

    def of_box(self, box: Any) -> str:
        """Returns a name for the element of a box. Margin boxes and pages have none."""
        element = box.element
        return getattr(box, "at_keyword", "the page") if element is None else self.of(element)

    def of(self, element: Element) -> str:
        """Returns a name for an element, such as ``<table id="prices"> (element 12)``.

        The number is the place of the element among all of the document.
        """
        if not self._numbers:
            self._numbers = {each: number for number, each in enumerate(self._root.iter(), 1)}
        tag = element.tag.rpartition("}")[2]
        number = self._numbers.get(element)
        return f"<{tag}{_attribute(element)}>" + (f" (element {number})" if number else "")


def _attribute(element: Element) -> str:
    for name in ("id", "class"):
        if value := " ".join((element.get(name) or "").split()):
            return f' {name}="{value[:_MAX_ATTRIBUTE_CHARACTERS]}"'
    return ""
