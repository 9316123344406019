"""Reads the tree of structure elements (tags) of a PDF (ISO 32000-1, 14.7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pikepdf
from pikepdf import Dictionary

from jobs.render.child.pdf.conformance.objects import identity, items, member, name, tree_items, words

PDF_2 = "http://iso.org/pdf2/ssn"
STANDARD_TYPES = words(
    "Document Part Art Sect Div BlockQuote Caption TOC TOCI Index NonStruct Private P H H1 H2 H3 H4 H5 H6 "
    "L LI Lbl LBody Table TR TH TD THead TBody TFoot Span Quote Note Reference BibEntry Code Link Annot "
    "Ruby RB RT RP Warichu WT WP Figure Formula Form"
)
"""The standard structure types of ISO 32000-1, 14.8.4."""
STANDARD_TYPES_2 = STANDARD_TYPES | words("DocumentFragment Aside Title FENote Sub Em Strong Artifact")
"""Those of ISO 32000-2, 14.8.4, with headings below `H6` of any number."""


@dataclass(slots=True)
class Tag:
    """A structure element."""

    element: Dictionary
    type: str
    """The standard structure type, after the role map."""
    parent: Tag | None
    source: str | None
    """The element of the document that it was made of."""
    page: int | None
    children: list[Tag] = field(default_factory=list)
    mcids: list[tuple[int, int]] = field(default_factory=list)
    """Page and MCID of its content in the content streams of pages."""
    stream_mcids: list[tuple[object, int]] = field(default_factory=list)
    """Form XObject and MCID of its content in form XObjects."""
    objects: list[pikepdf.Object] = field(default_factory=list)
    """The annotations and XObjects that it has."""

    @property
    def place(self) -> tuple[int | None, str]:
        """The page and the name of the element, as a `Problem` has them."""
        return self.page, self.source or f"<{self.type}> tag"

    @property
    def has_content(self) -> bool:
        return bool(self.mcids or self.stream_mcids or self.objects)

    def ancestors(self) -> Iterator[Tag]:
        tag = self.parent
        while tag is not None:
            yield tag
            tag = tag.parent

    def attribute(self, key: str) -> Any:
        """Returns an attribute of the element, of whatever owner (ISO 32000-1, 14.7.5)."""
        for attributes in items(self.element.get("/A")):
            if (value := member(attributes, key)) is not None:
                return value
        return None


@dataclass(slots=True)
class Structure:
    root: Dictionary | None = None
    """None if the file has no structure tree."""
    tags: list[Tag] = field(default_factory=list)
    """In the order of the tree: each before its children."""
    parents: Mapping[int, Any] = field(default_factory=dict)
    """The parent tree: structure elements by the `StructParent` of what they belong to."""
    roles: Mapping[str, str] = field(default_factory=dict)
    by_element: Mapping[object, Tag] = field(default_factory=dict)

    def of_type(self, *types: str) -> Iterator[Tag]:
        return (tag for tag in self.tags if tag.type in types)

    def tag_of_object(self, owner: Dictionary) -> Tag | None:
        """Returns the structure element of an annotation, by the parent tree."""
        key = owner.get("/StructParent")
        element = self.parents.get(key) if isinstance(key, int) else None
        return self.by_element.get(identity(element)) if isinstance(element, Dictionary) else None


def structure_of(document: pikepdf.Pdf, sources: Sequence[str | None]) -> Structure:
    root = document.Root.get("/StructTreeRoot")
    if not isinstance(root, Dictionary):
        return Structure()
    role_map = root.get("/RoleMap")
    roles = (
        {key[1:]: name(value) for key, value in role_map.as_dict().items()}
        if isinstance(role_map, Dictionary)
        else {}
    )
    pages = {page.obj.objgen: number for number, page in enumerate(document.pages, 1)}
    tags: list[Tag] = []
    by_element: dict[object, Tag] = {}
    waiting: list[tuple[Any, Tag | None, int | None]] = [
        (kid, None, None) for kid in reversed(items(root.get("/K")))
    ]
    while waiting:
        kid, parent, page = waiting.pop()
        if not isinstance(kid, Dictionary) or identity(kid) in by_element:
            continue
        own_page = kid.get("/Pg")
        page = pages.get(own_page.objgen, page) if isinstance(own_page, Dictionary) else page
        source = sources[len(tags)] if len(tags) < len(sources) else None
        tag = Tag(kid, standard_type(name(kid.get("/S")), roles), parent, source, page)
        tags.append(tag)
        by_element[identity(kid)] = tag
        if parent is not None:
            parent.children.append(tag)
        waiting += [(each, tag, page) for each in reversed(_kids(tag, pages))]
    parents = {
        key: value for key, value in tree_items(root.get("/ParentTree"), "/Nums") if isinstance(key, int)
    }
    return Structure(root, tags, parents, roles, by_element)


def standard_type(type: str, roles: Mapping[str, str]) -> str:
    """Returns what the role map makes of a structure type."""
    seen: set[str] = set()
    while type in roles and type not in seen and type not in STANDARD_TYPES:
        seen.add(type)
        type = roles[type]
    return type


def _kids(tag: Tag, pages: Mapping[tuple[int, int], int]) -> list[Dictionary]:
    """Returns the elements in an element, and adds all else that it has to the tag."""
    found = []
    for kid in items(tag.element.get("/K")):
        if isinstance(kid, int):
            if tag.page is not None:
                tag.mcids.append((tag.page, kid))
        elif isinstance(kid, Dictionary):
            kind = name(kid.get("/Type"))
            if kind == "MCR" and isinstance(mcid := kid.get("/MCID"), int):
                page = kid.get("/Pg")
                number = pages.get(page.objgen, tag.page) if isinstance(page, Dictionary) else tag.page
                stream = kid.get("/Stm")
                if stream is not None:
                    tag.stream_mcids.append((identity(stream), mcid))
                elif number is not None:
                    tag.mcids.append((number, mcid))
            elif kind == "OBJR":
                if isinstance(target := kid.get("/Obj"), pikepdf.Object):
                    tag.objects.append(target)
            else:
                found.append(kid)
    return found
