"""Walks the tree of structure elements while it is a pydyf object (ISO 32000-1, 14.7.2)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pydyf  # type: ignore[import-untyped]


def structure_elements(pdf: pydyf.PDF) -> Iterator[pydyf.Dictionary]:
    """Yields every structure element, each before those in it, in the order of the tree."""
    waiting = [referred(pdf, pdf.catalog["StructTreeRoot"])]
    while waiting:
        element = waiting.pop()
        if "S" in element:
            yield element
        waiting += reversed(children(pdf, element))


def children(pdf: pydyf.PDF, element: pydyf.Dictionary) -> list[pydyf.Dictionary]:
    """Returns the structure elements in an element."""
    kids = (referred(pdf, kid) for kid in element.get("K", ()) if isinstance(kid, bytes | str))
    return [kid for kid in kids if isinstance(kid, pydyf.Dictionary) and "S" in kid]


def type_of(element: pydyf.Dictionary) -> str:
    """Returns the structure type, such as ``TH``."""
    return str(element["S"]).removeprefix("/")


def attributes_of(element: pydyf.Dictionary, owner: str) -> pydyf.Dictionary:
    """Returns the attributes of an element, which are made if there are none.

    WeasyPrint gives an element those of one owner only.
    """
    if "A" not in element:
        element["A"] = pydyf.Dictionary({"O": f"/{owner}"})
    return element["A"]


def referred(pdf: pydyf.PDF, reference: Any) -> Any:
    """Returns the object that a reference, such as ``12 0 R``, names."""
    return pdf.objects[int(reference.split()[0])]


def wrapped(pdf: pydyf.PDF, child: pydyf.Dictionary, parent: pydyf.Dictionary, kind: str) -> pydyf.Dictionary:
    """Puts a new element between an element and its parent, and returns it."""
    wrapper = pydyf.Dictionary(
        {
            "Type": "/StructElem",
            "S": f"/{kind}",
            "K": pydyf.Array([child.reference]),
            "Pg": child["Pg"],
            "P": parent.reference,
        }
    )
    pdf.add_object(wrapper)
    parent["K"] = pydyf.Array(wrapper.reference if kid == child.reference else kid for kid in parent["K"])
    child["P"] = wrapper.reference
    return wrapper


def unwrap(
    pdf: pydyf.PDF, element: pydyf.Dictionary, wrappers: Collection[str], allowed: Collection[str]
) -> None:
    """Puts what is in wrappers directly into an element, if it is all of allowed types."""
    kids = pydyf.Array()
    for kid in element["K"]:
        child = referred(pdf, kid) if isinstance(kid, bytes | str) else {}
        inner = children(pdf, child) if "S" in child and type_of(child) in wrappers else []
        if inner and len(inner) == len(child["K"]) and all(type_of(each) in allowed for each in inner):
            for each in inner:
                each["P"] = element.reference
            kids.extend(each.reference for each in inner)
        else:
            kids.append(kid)
    element["K"] = kids
