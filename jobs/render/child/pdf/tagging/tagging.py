"""What is done about the tags of one document, before and while WeasyPrint writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from xml.etree.ElementTree import Element

import pydyf  # type: ignore[import-untyped]
import weasyprint
import weasyprint.pdf
from weasyprint.pdf.tags import add_tags

from jobs.render.child.html.losses.elements import ElementNames
from jobs.render.child.pdf.tagging import (
    attributes,
    destinations,
    fragments,
    group_content,
    labels,
    links,
    lists,
    table_headers,
    tables,
)
from jobs.render.child.pdf.tagging.advice import advice
from jobs.render.child.pdf.tagging.recording import Recording
from jobs.render.child.pdf.tagging.tree import structure_elements


class Tagging:
    """Completes the tags of one document."""

    def __init__(self, tree: Element, *, is_on: bool, zoom: float) -> None:
        """`tree` is the document. Unless `is_on`, the PDF has no tags, and nothing is done."""
        self._tree = tree
        self._names = ElementNames(tree)
        self._is_on = is_on
        self._zoom = zoom
        self._recording = Recording()
        self._elements: list[Element | None] = []
        self._is_pdf_2 = False

    @contextmanager
    def in_use(self, document: weasyprint.Document) -> Iterator[None]:
        """Completes what is written meanwhile. The layout is done, so elements may change."""
        if not self._is_on:
            yield
            return
        labels.complete(self._tree)
        table_headers.complete(self._tree)
        self._recording.find_artifacts(document)
        weasyprint.pdf.add_tags = self._add_tags  # type: ignore[attr-defined]
        try:
            with self._recording.in_use():
                yield
        finally:
            weasyprint.pdf.add_tags = add_tags  # type: ignore[attr-defined]

    def complete(self, pdf: pydyf.PDF) -> None:
        """Completes what was added to the PDF after its tags."""
        if self._is_pdf_2:
            destinations.open_at_element(pdf, list(structure_elements(pdf)))

    def advice(self, *, with_forms: bool) -> Iterator[tuple[str, str]]:
        """Yields what assistive technology lacks, and the name of the element."""
        for element, message in advice(self._tree, with_forms=with_forms):
            yield message, self._names.of(element)

    def names(self) -> list[str | None]:
        """Returns, for each structure element in the order of the tree, what it was made of."""
        return [None if element is None else self._names.of(element) for element in self._elements]

    def _add_tags(
        self,
        pdf: pydyf.PDF,
        document: weasyprint.Document,
        pdf_version: Any,
        page_streams: Sequence[pydyf.Stream],
    ) -> None:
        add_tags(pdf, document, pdf_version, page_streams)
        boxes = self._recording.boxes
        fragments.join(pdf, boxes)
        tables.complete(pdf, list(structure_elements(pdf)), boxes)
        lists.complete(pdf, list(structure_elements(pdf)), boxes)
        links.complete(pdf, list(structure_elements(pdf)))
        elements = list(structure_elements(pdf))
        attributes.complete(pdf, document, elements, boxes, self._zoom * 0.75)
        group_content.link(pdf, elements, page_streams, self._recording.streams)
        self._is_pdf_2 = str(pdf_version) >= "2.0"
        if self._is_pdf_2:
            destinations.point_to_elements(pdf, elements, boxes, self._recording.bookmarked)
        self._elements = [boxes[each.number].element if each.number in boxes else None for each in elements]
