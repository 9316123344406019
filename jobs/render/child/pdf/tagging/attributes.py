"""Completes the attributes of structure elements (ISO 32000-1, 14.7.5 and 14.8.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pydyf  # type: ignore[import-untyped]
import weasyprint

from jobs.render.child.pdf.tagging.tree import attributes_of, children, referred, type_of

_NUMBERING = {
    "disc": "Disc",
    "circle": "Circle",
    "square": "Square",
    "decimal": "Decimal",
    "decimal-leading-zero": "Decimal",
    "lower-roman": "LowerRoman",
    "upper-roman": "UpperRoman",
    "lower-alpha": "LowerAlpha",
    "lower-latin": "LowerAlpha",
    "upper-alpha": "UpperAlpha",
    "upper-latin": "UpperAlpha",
}
"""`list-style-type` of CSS, and `ListNumbering` (ISO 32000-1, table 347)."""


def complete(
    pdf: pydyf.PDF,
    document: weasyprint.Document,
    elements: Sequence[pydyf.Dictionary],
    boxes: Mapping[int, Any],
    scale: float,
) -> None:
    """Completes all elements. `scale` is the number of points in a CSS pixel."""
    pages = {reference: number for number, reference in enumerate(pdf.page_references)}
    for element in elements:
        box = boxes.get(element.number)
        if box is None or box.element is None:
            continue
        kind = type_of(element)
        if kind == "TH":
            scope = "Row" if box.element.get("scope") == "row" else "Column"
            attributes_of(element, "Table")["Scope"] = f"/{scope}"
        elif kind == "TD" and not element["A"].get("Headers", True):
            del element["A"]["Headers"]
        elif kind == "L":
            _number_list(pdf, element, box)
        elif kind == "Figure":
            page = document.pages[pages[element["Pg"]]]
            element["A"]["BBox"] = _in_points(element["A"]["BBox"], page.height, scale)
        if (language := box.element.get("lang")) and box.element_tag not in ("html", "body"):
            element["Lang"] = pydyf.String(language)
        if box.element.tag == "abbr" and (expansion := box.element.get("title")):
            element["E"] = pydyf.String(expansion)
    _list_identifiers(pdf, elements)
    for item in pdf.objects:
        if isinstance(item, pydyf.Dictionary) and item.get("Subtype") == "/Widget" and "TU" in item:
            item["Contents"] = item["TU"]  # the text that PDF/UA-2 asks for (8.10.2.3)


def _number_list(pdf: pydyf.PDF, element: pydyf.Dictionary, box: Any) -> None:
    """Says which labels the items of a list have."""
    parts = (type_of(part) for item in children(pdf, element) for part in children(pdf, item))
    if "Lbl" in parts:
        default = "Decimal" if box.element.tag == "ol" else "Disc"
        numbering = _NUMBERING.get(str(box.style["list_style_type"]), default)
        attributes_of(element, "List")["ListNumbering"] = f"/{numbering}"


def _in_points(box: Sequence[float], page_height: float, scale: float) -> pydyf.Array:
    """Returns a rectangle as PDF has it: in points, from the bottom of the page."""
    x1, y1, x2, y2 = box
    corners = (x1 * scale, (page_height - y2) * scale, x2 * scale, (page_height - y1) * scale)
    return pydyf.Array(corners)


def _list_identifiers(pdf: pydyf.PDF, elements: Sequence[pydyf.Dictionary]) -> None:
    """Makes the tree by which identifiers are found; it is required if there are any (14.7.2)."""
    by_id = sorted((each["ID"].string, each.reference) for each in elements if "ID" in each)
    if by_id:
        names = pydyf.Array()
        for identifier, reference in by_id:
            names.extend((pydyf.String(identifier), reference))
        tree = pydyf.Dictionary({"Names": names})
        pdf.add_object(tree)
        referred(pdf, pdf.catalog["StructTreeRoot"])["IDTree"] = tree.reference
