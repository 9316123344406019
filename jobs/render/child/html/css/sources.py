"""Tells from which stylesheet or element the CSS comes that WeasyPrint reads at the moment.

What WeasyPrint logs about CSS has a line and a column, but not the stylesheet. All records that it
logs meanwhile get the source as an attribute.

CSS inside an inline SVG image is left to WeasyPrint's SVG code. Its code for HTML would also read
the ``style`` attributes there, for boxes that are never made, and warn of each property of SVG.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from xml.etree.ElementTree import Element

import weasyprint.css
from weasyprint.css.tokens import Pending

from jobs.render.child.corrections.declarations import rule_being_read

_LOGGER = logging.getLogger("weasyprint")
_STYLE_ATTRIBUTE = (1, 0, 0)
"""The specificity of a ``style`` attribute, by which WeasyPrint marks its declarations."""
_SVG = "{http://www.w3.org/2000/svg}"
_ATTRIBUTE = "css_source"
_SELECTORS = "css_selectors"
_OF_SVG_AND_HTML = frozenset({"clip-path", "mask", "mask-type", "pointer-events", "text-rendering"})
"""Properties that the SVG code reads, and WeasyPrint does not know elsewhere."""

_find_style_attributes = weasyprint.css.find_style_attributes


class CssSources(logging.Filter):
    """Adds the source of CSS to the records that WeasyPrint logs while it reads this CSS."""

    def __init__(self) -> None:
        super().__init__()
        self._forget()

    def _forget(self) -> None:
        self._source: str | Element | None = None
        self._style_elements: Iterator[tuple[int, str]] = iter(())
        self._within = ""
        self._options: dict[Element, str] = {}
        self._of_pending: dict[tuple[str, int, int], str | None] = {}
        self._tree: Element | None = None
        self._numbers: dict[Element, int] = {}

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Follows what WeasyPrint reads for one document."""
        weasyprint.css.find_style_attributes = self._style_attributes
        _LOGGER.addFilter(self)
        try:
            yield
        finally:
            _LOGGER.removeFilter(self)
            weasyprint.css.find_style_attributes = _find_style_attributes
            self._forget()

    def of_document(self, root: Element, option: str | None = None) -> None:
        """Notes the ``<style>`` elements of the document that comes next.

        `option` names the option that has it, if it is not the document itself.
        """
        self._within = "" if option is None else f" in {option}"
        if option is not None:
            self._options[root] = option
        texts = (element.text or "" for element in root.iter("style"))
        self._style_elements = enumerate(texts, 1)

    def next_style_element(self, text: str) -> str:
        """Returns the name of the next ``<style>`` element with this text."""
        for number, found in self._style_elements:
            if found == text:
                return f"<style> element {number}{self._within}"
        return f"<style> element{self._within}"

    @contextmanager
    def reading(self, source: str | Element) -> Iterator[None]:
        """Names the source of all CSS that is read meanwhile: a stylesheet, or an element."""
        outer, self._source = self._source, source
        try:
            yield
        finally:
            self._source = outer

    def note_pending(self, values: list[Pending], source: str) -> None:
        """Notes the source of values with ``var()``, which are read when they are used."""
        for value in values:
            token = value.tokens[0]
            key = value.name, token.source_line, token.source_column
            known = self._of_pending.setdefault(key, source)
            if known != source:
                self._of_pending[key] = None  # one of two, and nothing tells which

    def filter(self, record: logging.LogRecord) -> bool:
        source, args = self._source, record.args
        if isinstance(source, Element):
            if source.tag == f"{_SVG}svg" and isinstance(args, tuple) and args[0] in _OF_SVG_AND_HTML:
                return False  # the SVG code reads this attribute, too
            source = self._name(source)
        elif source is None and isinstance(args, tuple) and len(args) >= 4:
            source = self._of_pending.get((args[0], args[2], args[3]))  # type: ignore[arg-type]
        setattr(record, _ATTRIBUTE, source)
        if (selectors := rule_being_read()) is not None:
            setattr(record, _SELECTORS, selectors)
        return True

    def _name(self, element: Element) -> str:
        name = element.tag.rpartition("}")[2]
        if self._tree in self._options:
            return f"style attribute of <{name}> in {self._options[self._tree]}"
        if not self._numbers and self._tree is not None:
            self._numbers = {each: number for number, each in enumerate(self._tree.iter(), 1)}
        return f"style attribute of <{name}> (element {self._numbers.get(element)})"

    def _style_attributes(self, tree: Element, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Yields what WeasyPrint's function does, less the attributes inside SVG images."""
        self._tree = tree
        in_images = {
            element
            for image in tree.iter(f"{_SVG}svg")
            for element in itertools.islice(image.iter(), 1, None)
        }
        for found in _find_style_attributes(tree, *args, **kwargs):  # type: ignore[no-untyped-call]
            specificity, element, *_ = found
            if specificity != _STYLE_ATTRIBUTE:
                yield found
            elif element not in in_images:
                with self.reading(element):
                    yield found


def css_source(record: logging.LogRecord) -> str | None:
    """Returns the source of the CSS that the record is about, if it is known."""
    source: str | None = getattr(record, _ATTRIBUTE, None)
    return source


def css_selectors(record: logging.LogRecord) -> Sequence[Any] | None:
    """Returns the selectors of the rule that the record is about, if it is about one."""
    selectors: Sequence[Any] | None = getattr(record, _SELECTORS, None)
    return selectors
