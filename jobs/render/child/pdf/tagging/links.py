"""Puts every link into one `Link` (ISO 14289-1, 7.18.5).

An image in an ``<a>``, and what ``::before`` and ``::after`` add to it, have annotations of their
own. WeasyPrint lists these in the `Figure`, or in a `Link` inside of the `Link`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pydyf  # type: ignore[import-untyped]

from jobs.render.child.pdf.tagging.tree import referred, type_of, wrapped


def complete(pdf: pydyf.PDF, elements: Sequence[pydyf.Dictionary]) -> None:
    """Moves links into the outermost `Link` around them; without one, it is made."""
    nums = referred(pdf, referred(pdf, pdf.catalog["StructTreeRoot"])["ParentTree"])["Nums"]
    for element in elements:
        link = _link_around(pdf, element)
        if type_of(element) == "Link":
            if link is None:
                continue
            element["S"] = "/Span"
        for kid in list(element["K"]):
            reference = referred(pdf, kid) if isinstance(kid, bytes | str) else {}
            annotation = referred(pdf, reference["Obj"]) if reference.get("Type") == "/OBJR" else {}
            if annotation.get("Subtype") == "/Link":
                link = link or wrapped(pdf, element, referred(pdf, element["P"]), "Link")
                element["K"].remove(kid)
                link["K"].append(kid)
                nums[2 * annotation["StructParent"] + 1] = link.reference


def _link_around(pdf: pydyf.PDF, element: pydyf.Dictionary) -> pydyf.Dictionary | None:
    """Returns the outermost `Link` that the element is in."""
    found = None
    parent = referred(pdf, element["P"])
    while "S" in parent:
        if type_of(parent) == "Link":
            found = parent
        parent = referred(pdf, parent["P"])
    return found
