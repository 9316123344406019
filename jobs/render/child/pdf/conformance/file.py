"""The PDF that is checked, and what several checks read of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Stream

from jobs.render.child.pdf.conformance.content import Contents, contents_of
from jobs.render.child.pdf.conformance.objects import items, tree_items
from jobs.render.child.pdf.conformance.structure import Structure, structure_of
from jobs.render.child.pdf.conformance.xmp import Xmp, xmp_of


class CheckedFile:
    def __init__(self, data: bytes, document: pikepdf.Pdf, elements: Sequence[str | None] = ()) -> None:
        """`elements` are the names of what the structure elements were made of, in their order."""
        self.data = data
        self.document = document
        self.root: Any = document.Root
        self._elements = elements

    @cached_property
    def contents(self) -> Contents:
        return contents_of(self.document)

    @cached_property
    def structure(self) -> Structure:
        return structure_of(self.document, self._elements)

    @cached_property
    def xmp(self) -> Xmp:
        return xmp_of(self.root)

    @cached_property
    def annotations(self) -> list[tuple[Dictionary, int]]:
        """All annotations, with the numbers of their pages."""
        return [
            (annotation, number)
            for number, page in enumerate(self.document.pages, 1)
            for annotation in items(page.obj.get("/Annots"))
            if isinstance(annotation, Dictionary)
        ]

    @cached_property
    def values(self) -> list[Any]:
        """Every dictionary, array, stream, name, string and number of the file but its content."""
        found: list[Any] = []
        waiting: list[Any] = [*self.document.objects, self.document.trailer]
        while waiting:
            value = waiting.pop()
            found.append(value)
            if isinstance(value, Stream):
                value = value.stream_dict
            if isinstance(value, Dictionary):
                waiting += (each for each in value.as_dict().values() if not _is_elsewhere(each))
            elif isinstance(value, Array):
                waiting += (each for each in value if not _is_elsewhere(each))
        return found

    @cached_property
    def dictionaries(self) -> list[Dictionary]:
        """Every dictionary of the file, also those of streams."""
        return [
            value.stream_dict if isinstance(value, Stream) else value
            for value in self.values
            if isinstance(value, Dictionary | Stream)
        ]

    @cached_property
    def file_specifications(self) -> list[Dictionary]:
        """The file specifications with an embedded file."""
        return [each for each in self.dictionaries if isinstance(each.get("/EF"), Dictionary)]

    @cached_property
    def embedded_names(self) -> list[tuple[Any, Any]]:
        """The entries of the name tree of embedded files."""
        names = self.root.get("/Names")
        tree = names.get("/EmbeddedFiles") if isinstance(names, Dictionary) else None
        return list(tree_items(tree, "/Names"))

    def streams(self) -> Iterator[Stream]:
        return (each for each in self.document.objects if isinstance(each, Stream))


def _is_elsewhere(value: Any) -> bool:
    """Tells whether the value is an object of its own, which is in the list of objects."""
    return isinstance(value, pikepdf.Object) and value.is_indirect
