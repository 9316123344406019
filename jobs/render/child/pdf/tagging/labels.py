"""Gives images and form fields the texts that their labels have in a browser (ARIA, HTML-AAM).

WeasyPrint takes the text of an image from ``alt``, of an SVG image from ``<title>``, and of a form
field from a ``<label>`` in the same form or ``title``.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element

_SVG = "{http://www.w3.org/2000/svg}"
_FIELDS = ("input", "select", "textarea")


def complete(tree: Element) -> None:
    """Copies the texts of labels to where WeasyPrint looks for texts."""
    by_id = {name: element for element in tree.iter() if (name := element.get("id"))}
    for image in tree.iter("img"):
        if "alt" not in image.attrib and (text := _aria(image, by_id)):
            image.set("alt", text)
    for image in list(tree.iter(f"{_SVG}svg")):
        title = image.find(f"{_SVG}title")
        if (title is None or not title.text) and (text := _aria(image, by_id)):
            title = Element(f"{_SVG}title")
            title.text = text
            image.insert(0, title)
    fields = [element for name in _FIELDS for element in tree.iter(name)]
    if fields:
        labels = _labels(tree, by_id)
        for field in fields:
            text = _aria(field, by_id) or labels.get(field, "")
            if text and "title" not in field.attrib:
                field.set("title", text)


def _aria(element: Element, by_id: Mapping[str, Element]) -> str:
    ids = element.get("aria-labelledby", "").split()
    named = " ".join(_text(by_id[each]) for each in ids if each in by_id)
    return named or element.get("aria-label", "").strip()


def _labels(tree: Element, by_id: Mapping[str, Element]) -> dict[Element, str]:
    """Returns the text of the ``<label>`` of each field that has one."""
    found: dict[Element, str] = {}
    for label in tree.iter("label"):
        target = label.get("for", "")
        fields = [by_id[target]] if target in by_id else [e for e in label.iter() if e.tag in _FIELDS][:1]
        for field in fields:
            found.setdefault(field, _text(label))
    return found


def _text(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())
