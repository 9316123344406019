"""Puts headers and footers on the pages of a document.

Each is laid out as a document of its own (`own_document`), in two steps. Before a page of the main
document is laid out, the height of its header is measured, and the margin grows if it is too small.
When all pages are laid out, each gets its header, with the counters of that page. The boxes of the
header become boxes of the page, so that both share fonts and images in the PDF.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import weasyprint
from weasyprint.anchors import gather_anchors
from weasyprint.css.properties import Dimension

from jobs.render.child.html.css import presentational_hints
from jobs.render.child.html.css.sources import CssSources
from jobs.render.child.html.css.used_rules import UsedRules
from jobs.render.child.html.diagnostics import Diagnostics
from jobs.render.child.html.headers import sheet as sheets
from jobs.render.child.html.headers import weasyprint_names
from jobs.render.child.html.headers.own_document import OwnDocument
from jobs.render.child.html.headers.sheet import Sheet
from jobs.render.child.html.headers.variants import Place, Variant, Variants
from jobs.render.child.html.titles import title_of

_PLACES: tuple[Place, ...] = ("top", "bottom")
_PIXELS_PER_MM = 96 / 25.4
_CLEARANCE = 5 * _PIXELS_PER_MM
"""Left free above and below a header: printers do not print up to the edge of the paper."""
_LARGEST_SHARE = 0.4
"""Of the height of the page, for a margin that grows: at least a fifth is left for the text."""
_LOGGER = logging.getLogger("weasyprint")

State = tuple[list[int], dict[str, list[int]], list[set[str]], list[Any]]
"""What WeasyPrint keeps of a page for counters: depth of quotes, values, scopes, groups."""
_SAMPLE: tuple[int, State] = 0, ([0], {"page": [88], "pages": [88]}, [{"page", "pages"}], [])
"""Index and state of a page while headers are measured."""


class RepeatedHtml:
    """The headers and footers of one document."""

    def __init__(self, options: Mapping[str, Any], sources: CssSources, diagnostics: Diagnostics) -> None:
        self._options = options
        self._variants = Variants(options)
        self._sources = sources
        self._diagnostics = diagnostics
        self._main: weasyprint.HTML | None = None
        self._arguments: dict[str, Any] = {}
        self._own: dict[Variant, OwnDocument] = {}
        self._own_stylesheets: dict[Any, list[Any]] = {}
        self._main_stylesheets: list[Any] = []
        self._told: set[Variant] = set()
        """Those whose warnings have been logged."""
        self._cut: set[Variant] = set()
        self._heights: dict[tuple[Variant, float, float], float] = {}
        self._main_context: Any = None
        self._states: list[State] = []
        self._states_of_own_pages: Iterator[tuple[int, State]] | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Follows the layout of the main document."""
        if not self._variants:
            yield
            return
        with weasyprint_names.replaced(
            stylesheets=self._stylesheets,
            margin_boxes=self._margin_boxes,
            page_styles=self._page_styles,
        ):
            yield

    def prepare(self, main: weasyprint.HTML, arguments: Mapping[str, Any]) -> None:
        """Reads the headers. `arguments` are those with which `main` will be laid out.

        Call it before each layout of `main`. The headers are read before the first one.
        """
        if not self._variants:
            return
        stylesheets = [_without_pages(stylesheet) for stylesheet in arguments["stylesheets"]]
        self._arguments = {**arguments, "stylesheets": stylesheets}
        self._main_stylesheets, self._main_context, self._states = [], None, []
        if self._main is None:
            for variant in self._variants.all():
                self._read(variant, main)
            self._main = main

    def _read(self, variant: Variant, main: weasyprint.HTML) -> None:
        document = OwnDocument(variant, main, title_of(main, self._options) or "")
        html, arguments = document.html, self._arguments
        if arguments["presentational_hints"]:
            presentational_hints.prepare(html.etree_element)
        self._sources.of_document(html.etree_element, variant.name)
        of_main, self._diagnostics.used_rules = self._diagnostics.used_rules, UsedRules(html.wrapper_element)
        try:
            found = list(
                weasyprint_names.find_stylesheets(
                    html.wrapper_element,
                    html.media_type,
                    html.url_fetcher,
                    html.base_url,
                    arguments["font_config"],
                    arguments["counter_style"],
                    arguments["color_profiles"],
                    [],
                    [],
                )
            )
        finally:
            self._diagnostics.used_rules = of_main
        self._own_stylesheets[html.etree_element] = [_without_pages(stylesheet) for stylesheet in found]
        self._own[variant] = document

    def place(self, document: weasyprint.Document) -> None:
        """Puts the headers on the pages of the main document, which has been laid out."""
        pages_of: dict[Variant, list[int]] = {}
        for index, page in enumerate(document.pages):
            for variant in self._on_page(page._page_box.page_type):
                pages_of.setdefault(variant, []).append(index)
        for variant, indexes in pages_of.items():
            wanted = [sheets.of_page(document.pages[index]._page_box) for index in indexes]
            states = [(index, self._states[index]) for index in indexes]
            boxes = self._laid_out(variant, wanted, states)
            for index, sheet, box in zip(indexes, wanted, boxes, strict=True):
                self._fit(variant, sheet, box)
                page = document.pages[index]
                page._page_box.children = (*page._page_box.children, box)
                gather_anchors(box, {}, page.links, [], {None: []})

    def _on_page(self, page_type: Any) -> list[Variant]:
        found = [self._variants.on_page(place, page_type.index, page_type.side) for place in _PLACES]
        return [variant for variant in found if variant is not None]

    # --- room --------------------------------------------------------------------------------

    def _page_styles(self, page_type: Any, html: weasyprint.HTML, style_for: Any) -> None:
        """Gives the pages of this type their style, with margins that have room for the headers."""
        weasyprint_names.set_page_styles(page_type, html, style_for)
        if html is not self._main:
            return
        style = style_for(page_type)
        sheet = sheets.of_style(page_type, style)
        for variant in self._on_page(page_type):
            given = sheet.margin(variant.place)
            needed = self._height(variant, sheet) + 2 * _CLEARANCE
            if needed > given:
                largest = max(given, _LARGEST_SHARE * sheet.height)
                style[f"margin_{variant.place}"] = Dimension(min(needed, largest), "px")

    def _height(self, variant: Variant, sheet: Sheet) -> float:
        """Returns the height of the content."""
        width = sheet.width - sheet.left - sheet.right
        key = variant, width, sheet.height
        if key not in self._heights:
            (box,) = self._laid_out(variant, [sheet], [_SAMPLE])
            self._heights[key] = _content_height(box)
        return self._heights[key]

    def _fit(self, variant: Variant, sheet: Sheet, box: Any) -> None:
        """Cuts off what is below the margin, so that it does not cover the text."""
        height = _content_height(box)
        if height <= sheet.margin(variant.place) + 1:
            return
        box.style = box.style.copy()
        box.style["overflow"] = "hidden"
        first = box.children[0]
        dy = box.position_y - first.position_y
        for child in box.children:
            child.translate(0, dy)
        if variant in self._cut:
            return
        self._cut.add(variant)
        millimetres = round(height / _PIXELS_PER_MM)
        self._diagnostics.add(
            "header_cut",
            f"{variant.name} is {millimetres} mm high and was cut off: headers and footers get at most "
            f"{_LARGEST_SHARE:.0%} of the height of a page, or the margin of the document if that is more.",
        )

    # --- layout ------------------------------------------------------------------------------

    def _laid_out(self, variant: Variant, wanted: list[Sheet], states: list[tuple[int, State]]) -> list[Any]:
        """Returns the boxes for pages of these sizes, with these indexes and states."""
        own = self._own[variant]
        layout = weasyprint.CSS(string=own.with_pages(wanted), font_config=self._arguments["font_config"])
        arguments = {**self._arguments, "stylesheets": [*self._arguments["stylesheets"], layout]}
        self._states_of_own_pages = iter(states)
        try:
            with _filtered(_nothing if variant in self._told else _no_false_warnings):
                rendered = own.html.render(**arguments)
        except Exception as error:
            error.add_note(variant.name)  # which messages name instead of the document
            raise
        finally:
            self._states_of_own_pages = None
        self._told.add(variant)
        return [_margin_box(page, variant.place) for page in rendered.pages[: len(wanted)]]

    def _stylesheets(self, wrapper: Any, *arguments: Any) -> Iterator[Any]:
        """Yields those of the main document, and then those of the header if it is one."""
        own = self._own_stylesheets.get(wrapper.etree_element)
        if own is not None:
            yield from self._main_stylesheets
            yield from own
            return
        for stylesheet in weasyprint_names.find_stylesheets(wrapper, *arguments):
            self._main_stylesheets.append(_without_pages(stylesheet))
            yield stylesheet

    def _margin_boxes(self, context: Any, page: Any, state: State) -> Iterator[Any]:
        """Notes the counters of pages of the main document, and uses them for headers."""
        if self._states_of_own_pages is None:
            self._main_context = context
            self._states.append(state)
        else:
            index, state = next(self._states_of_own_pages, _SAMPLE)
            if self._main_context is not None:
                context.string_set = self._main_context.string_set
                context.current_page = index + 1
        return weasyprint_names.make_margin_boxes(context, page, state)


def _without_pages(stylesheet: Any) -> Any:
    """Returns the stylesheet without its ``@page`` rules."""
    copied = copy.copy(stylesheet)
    copied.page_rules = []
    return copied


def _margin_box(page: Any, place: Place) -> Any:
    keyword = f"@{place}-center"
    return next(box for box in page._page_box.children if getattr(box, "at_keyword", None) == keyword)


def _content_height(box: Any) -> float:
    if not box.children:
        return 0
    first, last = box.children[0], box.children[-1]
    height: float = last.position_y + last.margin_height() - first.position_y
    return height


@contextmanager
def _filtered(passes: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    _LOGGER.addFilter(passes)
    try:
        yield
    finally:
        _LOGGER.removeFilter(passes)


def _nothing(record: logging.LogRecord) -> bool:
    return False


def _no_false_warnings(record: logging.LogRecord) -> bool:
    """Keeps back that ``string()`` belongs into page margins: that is where it will be."""
    return "is only allowed in page margins" not in str(record.msg)
