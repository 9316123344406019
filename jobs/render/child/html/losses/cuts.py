"""Finds content that is cut off, at the edge of a page or of a box that could be scrolled."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from weasyprint.formatting_structure.boxes import InlineBox, LineBox, PageBox

from jobs.render.child.html.losses.regions import TOLERANCE, Edge, Region, Side

_IMAGE_TOLERANCE = 0.02
"""The part of an image that may be beyond an edge: rounding, or a picture a little too large."""
_MM = 25.4 / 96
"""A CSS pixel in millimetres."""


@dataclass(slots=True)
class Cut:
    """The content of one element that is cut off at one side."""

    box: Any
    """The box that scrolls on a screen. For a page: the outermost one that crosses its edge, or
    the one around a text that does."""
    side: Side
    edge: Edge
    page: int
    """Number of the first page with it."""
    beyond: float
    """How far the content goes beyond the edge, in pixels of the page."""
    needed: float
    """How much room the content needs, in relation to the room that it has."""
    pages: int = 1
    last_page: int = 0

    @property
    def is_sideways(self) -> bool:
        return self.side != "bottom"

    def describe(self, name: str, scale: float) -> str:
        """Returns the text of the warning.

        Args:
            name: the name of the element.
            scale: by which the page is drawn.
        """
        lost = f"{max(1, round(self.beyond * scale * _MM))} mm are cut off"
        if not isinstance(self.edge.cutter, PageBox):
            side, advice = "lower", "Set overflow: visible and no height."
            if self.is_sideways:
                side, advice = self.side, "Let its lines break, or set the option shrink_to_fit."
            return f"{name} cannot be scrolled in a PDF: {lost} at its {side} edge. {advice}"
        if self.side == "bottom":
            return f"{name} goes beyond the lower edge of the page: {lost}."
        return (
            f"{name} goes beyond the {self.side} edge of the page: {lost}. Make it narrower, or set the "
            "option shrink_to_fit."
        )


class Cuts:
    """Collects what is cut off, once for each element and side."""

    def __init__(self) -> None:
        self.found: dict[Hashable, Cut] = {}

    def look_at_text(self, box: Any, region: Region, path: Sequence[Any], page: int) -> None:
        """Notes a text that crosses an edge. `path` has the boxes around it, the page first."""
        style = box.style
        if style["color"].alpha < 1:
            return  # a decoration, or a watermark
        text, x, width = box.text, box.position_x, box.width
        kept = len(text.rstrip()) / len(text)  # spaces are narrow, so this is never too much
        if style["direction"] == "rtl":
            side: Side = "left"
            edge, beyond = region.left, region.leftmost - (x + width - width * kept)
        else:
            side = "right"
            edge, beyond = region.right, x + width * kept - region.rightmost
        if edge and beyond > 0 and (_is_near(box, side, edge) or _crossing(path, side, edge)):
            self._note(side, edge, beyond, region, path, page)
        edge, beyond = region.bottom, box.position_y + box.baseline - region.lowest
        if edge and beyond > 0 and (_is_near(box, "bottom", edge) or _crossing(path, "bottom", edge)):
            self._note("bottom", edge, beyond, region, path, page)

    def look_at_image(self, box: Any, region: Region, path: Sequence[Any], page: int) -> None:
        """Notes an image that crosses the right or the lower edge.

        Images that are placed there, or begin outside, are decorations of the page.
        """
        x, y = box.content_box_x(), box.content_box_y()
        right, bottom = region.right, region.bottom
        if right and right.start - TOLERANCE < x < right.at:
            beyond = x + box.width - region.rightmost
            margins = (each.margin_right for each in _sized([*path[right.depth :], box]))
            if beyond > box.width * _IMAGE_TOLERANCE and min(margins) >= 0:
                self._note("right", right, beyond, region, [*path, box], page)
        if bottom and bottom.start - TOLERANCE < y < bottom.at:
            beyond = y + box.height - region.lowest
            margins = (each.margin_bottom for each in _sized([*path[bottom.depth :], box]))
            if beyond > box.height * _IMAGE_TOLERANCE and min(margins) >= 0:
                self._note("bottom", bottom, beyond, region, [*path, box], page)

    def look_at_table(self, box: Any, region: Region, path: Sequence[Any], page: int) -> None:
        """Notes a table that crosses an edge with its borders, even if no text does."""
        x = box.position_x + box.margin_left
        if region.right and region.right.start - TOLERANCE < x < region.right.at:
            beyond = x + box.border_width() - region.rightmost
            if beyond > 0 and _has_borders(box):
                self._note("right", region.right, beyond, region, [*path, box], page)

    def _note(
        self, side: Side, edge: Edge, beyond: float, region: Region, path: Sequence[Any], page: int
    ) -> None:
        beyond += TOLERANCE
        needed = (abs(edge.at - edge.start) + beyond) / edge.room if edge.room > 0 else 1
        if isinstance(edge.cutter, PageBox):
            crossing = _crossing(path, side, edge) or (_sized(path[edge.depth :]) or path)[-1:]
            # The outermost box is what is too wide. Heights grow with what is inside.
            box = crossing[-1 if side == "bottom" else 0]
        else:
            box = edge.cutter
        key = (side, box.element if box.element is not None else repr(box))
        cut = self.found.get(key)
        if cut is None:
            self.found[key] = Cut(box, side, edge, page, beyond * region.scale, needed, 1, page)
            return
        cut.beyond, cut.needed = max(cut.beyond, beyond * region.scale), max(cut.needed, needed)
        if page != cut.last_page:
            cut.last_page, cut.pages = page, cut.pages + 1


def _sized(boxes: Sequence[Any]) -> list[Any]:
    return [box for box in boxes if not isinstance(box, LineBox | InlineBox)]


def _has_borders(table: Any) -> bool:
    cells = (cell for group in table.children for row in group.children for cell in row.children)
    return bool(table.border_right_width or any(cell.border_right_width for cell in cells))


def _is_near(box: Any, side: Side, edge: Edge) -> bool:
    """Tells whether a text begins near the edge. Texts for screen readers are far away."""
    if side == "bottom":
        return bool(box.position_y < edge.at + edge.room)
    if side == "left":
        return bool(box.position_x + box.width > edge.at - edge.room)
    return bool(box.position_x < edge.at + edge.room)


def _crossing(path: Sequence[Any], side: Side, edge: Edge) -> list[Any]:
    """Returns the boxes that begin before the edge and end beyond it, the outermost first."""
    return [box for box in _sized(path[edge.depth :]) if _crosses(box, side, edge)]


def _crosses(box: Any, side: Side, edge: Edge) -> bool:
    if side == "bottom":
        y = box.border_box_y()
        return bool(y < edge.at < y + box.border_height() - TOLERANCE)
    x = box.border_box_x()
    if side == "left":
        return bool(x + TOLERANCE < edge.at < x + box.border_width())
    return bool(x < edge.at < x + box.border_width() - TOLERANCE)
