"""Puts every link into a `Link` (ISO 14289-1, 7.18.5).

An image in an ``<a>`` has an annotation of its own, which WeasyPrint lists in the `Figure`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pydyf  # type: ignore[import-untyped]

from jobs.render.child.pdf.tagging.tree import referred, type_of, wrapped


def complete(pdf: pydyf.PDF, elements: Sequence[pydyf.Dictionary]) -> None:
    """Moves links into the `Link` around them; without one, it is made."""
    nums = referred(pdf, referred(pdf, pdf.catalog["StructTreeRoot"])["ParentTree"])["Nums"]
    for element in elements:
        if type_of(element) == "Link":
            continue
        for kid in list(element["K"]):
            reference = referred(pdf, kid) if isinstance(kid, bytes | str) else {}
            annotation = referred(pdf, reference["Obj"]) if reference.get("Type") == "/OBJR" else {}
            if annotation.get("Subtype") == "/Link":
                link = _link_around(pdf, element)
                element["K"].remove(kid)
                link["K"].append(kid)
                nums[2 * annotation["StructParent"] + 1] = link.reference


def _link_around(pdf: pydyf.PDF, element: pydyf.Dictionary) -> pydyf.Dictionary:
    outer = referred(pdf, element["P"])
    parent = outer
    while "S" in parent:
        if type_of(parent) == "Link":
            return parent
        parent = referred(pdf, parent["P"])
    return wrapped(pdf, element, outer, "Link")
