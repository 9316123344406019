"""Finds parts of SVG images that are not drawn: HTML inside them, and filters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

_DRAWN_PRIMITIVES = frozenset({"feOffset", "feBlend"})
"""What WeasyPrint does of filters."""
_REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")
_STYLE_FILTER = re.compile(r"(?:^|;)\s*filter\s*:\s*([^;]+)")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)")
_NEVER_DRAWN = frozenset({"defs", "symbol", "clipPath", "mask", "pattern", "marker"})
"""Drawn only if something refers to them, in a way that is not followed here."""


def has_lost_text(svg: Element) -> bool:
    """Tells whether a ``<foreignObject>`` of the image has text, which is not drawn."""
    found = [each for each in svg.iter() if _name(each) == "foreignObject"]
    if not found or _hides_by_css(svg):
        return False
    parents = {child: parent for parent in svg.iter() for child in parent}
    return any(_has_text(each) and _is_drawn(each, parents) for each in found)


def lost_filters(svg: Element) -> list[str]:
    """Returns what the filters of the image use that is not drawn, such as ``feGaussianBlur``."""
    filters: dict[str, Element] = {}
    used: dict[str, Element] = {}
    for element in svg.iter():
        if _name(element) == "filter":
            filters[element.get("id", "")] = element
        value = element.get("filter", "")
        if "filter" in (style := element.get("style", "")) and (match := _STYLE_FILTER.search(style)):
            value = match[1]
        if value and (reference := _REFERENCE.search(value)):
            used.setdefault(reference[1], element)
    used = {name: element for name, element in used.items() if name in filters}
    if not used or _hides_by_css(svg):
        return []
    parents = {child: parent for parent in svg.iter() for child in parent}
    names = (
        _name(primitive)
        for name, element in used.items()
        if _is_drawn(element, parents)
        for primitive in filters[name]
    )
    return sorted({name for name in names if name.startswith("fe") and name not in _DRAWN_PRIMITIVES})


def _is_drawn(element: Element, parents: dict[Element, Element]) -> bool:
    outer: Element | None = element
    while outer is not None:
        style = outer.get("style", "")
        if (
            outer.get("display") == "none"
            or outer.get("visibility") in ("hidden", "collapse")
            or _HIDDEN.search(style)
            or _name(outer) in _NEVER_DRAWN
        ):
            return False
        parent = parents.get(outer)
        if parent is not None and _name(parent) == "switch" and len(parent) > 1:
            return False  # the other choice is drawn
        outer = parent
    return True


def _hides_by_css(svg: Element) -> bool:
    """Tells whether a stylesheet in the image hides something: it may be what seems lost."""
    return any(_name(each) == "style" and _HIDDEN.search(each.text or "") for each in svg.iter())


def _has_text(element: Element) -> bool:
    return any(text.strip() for text in _texts(element))


def _texts(element: Element) -> Iterator[str]:
    """Yields the texts in an element that is no SVG. Links and SVG in it are drawn."""
    yield element.text or ""
    for child in element:
        if isinstance(child.tag, str) and _name(child) not in ("a", "svg", "text", "style", "script"):
            yield from _texts(child)
        yield child.tail or ""


def _name(element: Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
