"""Records which box each structure element is made of, and leaves out what has no meaning.

Headers and footers of pages, decorative images and what is hidden from assistive technology become
artifacts (ISO 32000-1, 14.8.2.2). WeasyPrint gives them tags that belong to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pydyf  # type: ignore[import-untyped]
import weasyprint
import weasyprint.pdf.tags
from weasyprint.formatting_structure import boxes
from weasyprint.layout.absolute import AbsolutePlaceholder
from weasyprint.pdf.stream import Stream

from jobs.render.child.pdf.conformance.content import is_private

_build_box_tree = weasyprint.pdf.tags._build_box_tree
_marked = Stream.marked

_PARTS_OF_TABLES = (
    boxes.TableBox,
    boxes.TableCellBox,
    boxes.TableRowBox,
    boxes.TableRowGroupBox,
    boxes.TableColumnBox,
    boxes.TableColumnGroupBox,
)
"""Without one of these, the rest of the table would be no grid."""
_WITHOUT_TAG = (boxes.LineBox, boxes.TextBox)
"""Their content is tagged as that of the box around them."""
_WITHOUT_MEANING = frozenset({"presentation", "none"})


class Recording:
    """What is known about the tags of one document."""

    def __init__(self) -> None:
        self.boxes: dict[int, Any] = {}
        """The box of each structure element, by the number of its object."""
        self.streams: dict[tuple[int, int], Stream] = {}
        """The content stream of each piece of real content.

        By the `id` of the dictionary of the tags of a page, and the MCID.
        """
        self.bookmarked: list[Any] = []
        """The boxes with a bookmark, in the order of the bookmarks."""
        self._left_out: set[Any] = set()
        self._artifacts: set[Any] = set()

    def find_artifacts(self, document: weasyprint.Document) -> None:
        """Finds all boxes that get no tag, with what is in them."""
        for page in document.pages:
            waiting = [page._page_box]
            while waiting:
                box = waiting.pop()
                if _has_no_meaning(box):
                    self._left_out.add(box)
                    self._artifacts.update(_all_in(box))
                else:
                    waiting += _children(box)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        recording = self

        def marked(stream: Stream, box: Any, tag: str) -> AbstractContextManager[None]:
            tags = stream._tags
            if tags is not None:
                if box in recording._artifacts:
                    return _without_text(stream) if _is_private(box) else stream.artifact()
                recording.streams[id(tags), len(tags)] = stream
            return _marked(stream, box, tag)

        weasyprint.pdf.tags._build_box_tree = self._build
        Stream.marked = marked  # type: ignore[assignment, method-assign]
        try:
            yield
        finally:
            Stream.marked = _marked  # type: ignore[method-assign]
            weasyprint.pdf.tags._build_box_tree = _build_box_tree

    def _build(
        self, box: Any, parent: pydyf.Dictionary, pdf: pydyf.PDF, page_number: int, *more: Any
    ) -> Iterator[pydyf.Dictionary]:
        """Takes the place of the function of WeasyPrint, which calls it again for each child."""
        if isinstance(box, AbsolutePlaceholder):
            box = box._box
        if box in self._left_out:
            _nums, annotations, _tags = more
            yield from _links(box, parent, pdf, page_number, annotations)
            return
        if box.bookmark_label and box.style["bookmark_level"] != "none":
            self.bookmarked.append(box)
        for element in _build_box_tree(box, parent, pdf, page_number, *more):  # type: ignore[no-untyped-call]
            self.boxes.setdefault(element.number, box)
            yield element


def _links(
    box: Any, parent: pydyf.Dictionary, pdf: pydyf.PDF, page_number: int, annotations: list[Any]
) -> Iterator[pydyf.Dictionary]:
    """Yields a `Link` for each link in what is left out: all links have a tag (14289-1, 7.18.5)."""
    for each in _all_in(box):
        annotation = each.link_annotation
        if annotation:
            page = pdf.page_references[page_number]
            reference = pydyf.Dictionary({"Type": "/OBJR", "Obj": annotation.reference, "Pg": page})
            pdf.add_object(reference)
            element = pydyf.Dictionary(
                {
                    "Type": "/StructElem",
                    "S": "/Link",
                    "K": pydyf.Array([reference.reference]),
                    "Pg": page,
                    "P": parent.reference,
                }
            )
            pdf.add_object(element)
            annotations.append((element.reference, annotation))
            yield element


def _has_no_meaning(box: Any) -> bool:
    if isinstance(box, boxes.MarginBox) or box.is_leader:
        return True
    if isinstance(box, _PARTS_OF_TABLES + _WITHOUT_TAG) or box.element is None:
        return False
    if isinstance(box, boxes.InlineBox) and _is_private(box):
        return True  # a character of an icon font
    if isinstance(box, boxes.ReplacedBox):
        if "::" in (box.element_tag or ""):
            return True  # an image in the content of ::before or the like
        attributes = box.element.attrib
        if attributes.get("role") in _WITHOUT_MEANING:
            return True
        if box.element.tag == "img" and "alt" in attributes and not attributes["alt"].strip():
            return True
    return bool(box.element.get("aria-hidden") == "true")


def _is_private(box: Any) -> bool:
    """Tells whether a box has characters of Private Use Areas, and nothing else but spaces."""
    inner = list(_all_in(box))
    if any(isinstance(each, boxes.ReplacedBox) for each in inner):
        return False
    text = "".join("".join(each.text.split()) for each in inner if isinstance(each, boxes.TextBox))
    return bool(text) and all(is_private(character) for character in text)


@contextmanager
def _without_text(stream: Stream) -> Iterator[None]:
    """Marks an artifact whose characters stand for nothing (ISO 19005-2, 6.2.11.7.3)."""
    stream.begin_marked_content("Artifact", pydyf.Dictionary({"ActualText": pydyf.String(" ")}))
    yield
    stream.end_marked_content()


def _all_in(box: Any) -> Iterator[Any]:
    """Yields a box and all boxes in it."""
    waiting = [box]
    while waiting:
        box = waiting.pop()
        yield box
        waiting += _children(box)


def _children(box: Any) -> list[Any]:
    """Returns the boxes in a box, in their order from the last to the first."""
    if not isinstance(box, boxes.ParentBox):
        return []
    found = [each._box if isinstance(each, AbsolutePlaceholder) else each for each in box.children]
    return found[::-1]
