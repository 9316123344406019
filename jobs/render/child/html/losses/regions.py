"""Where on a page content is visible, and what cuts off the rest. Pure geometry, in CSS pixels."""

from __future__ import annotations

from math import inf
from typing import Any, Literal, NamedTuple

Side = Literal["left", "right", "bottom"]

TOLERANCE = 2.0
"""How far text may go beyond an edge: its last letter has some room at its side."""
_INVISIBLE = 2.0
"""Boxes of this size hide content from all but screen readers."""


class Edge(NamedTuple):
    """An edge beyond which content is lost against the will of its author."""

    at: float
    start: float
    """Where content begins that has all the room there is."""
    room: float
    """How much room there is from `start` on. For a page it ends at the margin."""
    cutter: Any
    """The box that ends here: a page, or a box that could be scrolled on a screen."""
    depth: int
    """How many boxes are around what this edge applies to."""


class Region:
    """The visible part of a page, for the content of some box.

    An edge is None where the author hides what is beyond it, as by ``overflow: hidden``.
    """

    __slots__ = ("bottom", "in_flow", "left", "leftmost", "lowest", "right", "rightmost", "scale", "visible")

    def __init__(
        self,
        left: Edge | None = None,
        right: Edge | None = None,
        bottom: Edge | None = None,
        *,
        scale: float = 1,
        in_flow: bool = True,
        visible: bool = True,
    ) -> None:
        """`scale` is by how much transformations enlarge the content. `in_flow` tells whether
        layout has given the content its place, and not ``position``.
        """
        self.left, self.right, self.bottom = left, right, bottom
        self.leftmost = left.at - TOLERANCE if left else -inf
        self.rightmost = right.at + TOLERANCE if right else inf
        self.lowest = bottom.at + TOLERANCE if bottom else inf
        self.scale, self.in_flow, self.visible = scale, in_flow, visible

    def _with(
        self, left: Edge | None, right: Edge | None, bottom: Edge | None, scale: float | None = None
    ) -> Region:
        return Region(
            left,
            right,
            bottom,
            scale=self.scale if scale is None else scale,
            in_flow=self.in_flow,
            visible=self.visible,
        )

    def placed(self) -> Region:
        """Returns the region for content that ``position`` has given its place."""
        if not self.in_flow:
            return self
        region = self._with(self.left, self.right, self.bottom)
        region.in_flow = False
        return region

    def without_edges(self, *, visible: bool = True) -> Region:
        """Returns the region for content of which nothing is told."""
        region = self._with(None, None, None)
        region.visible = self.visible and visible
        return region

    def clipped_by(self, box: Any, depth: int) -> Region:
        """Returns the region inside a box whose ``overflow`` is not visible."""
        cutter = box if box.style["overflow"] in ("auto", "scroll") else None
        x, y = box.padding_box_x(), box.padding_box_y()
        width, height = box.padding_width(), box.padding_height()
        if width < _INVISIBLE or height < _INVISIBLE:
            return self.without_edges(visible=False)
        left, right, bottom = self.left, self.right, self.bottom
        if left is None or x > left.at:
            left = cutter and Edge(x, x + width, width, cutter, depth)
        if right is None or x + width < right.at:
            right = cutter and Edge(x + width, x, width, cutter, depth)
        if bottom is None or y + height < bottom.at:
            bottom = cutter and Edge(y + height, y, height, cutter, depth)
        return self._with(left, right, bottom)

    def transformed_by(self, matrix: Any, depth: int) -> Region:
        """Returns the region in the coordinates of a box that is drawn transformed."""
        a, b, c, d, e, f = matrix.values
        if b or c or a <= 0 or d <= 0:  # turned: edges are no longer vertical
            return self.without_edges(visible=bool(a * d - b * c))
        return self._with(
            self.left and _moved(self.left, a, e, depth),
            self.right and _moved(self.right, a, e, depth),
            self.bottom and _moved(self.bottom, d, f, depth),
            self.scale * a,
        )

    def excludes(self, box: Any) -> bool:
        """Tells whether the box lies outside, where authors put what should not be seen.

        A page ends at its margins here: authors think of the window of a browser.
        """
        x, y = box.border_box_x(), box.border_box_y()
        left, right, bottom = self.left, self.right, self.bottom
        return bool(
            (right and x > right.start + right.room - TOLERANCE)
            or (left and x + box.border_width() < left.start - left.room + TOLERANCE)
            or (bottom and not bottom.start - box.border_height() < y < bottom.start + bottom.room)
        )


def page_region(page: Any) -> Region:
    """Returns what is visible of a page. `page` is WeasyPrint's box of it."""
    x, y = page.content_box_x(), page.content_box_y()
    left, right, bottom = 0.0, page.margin_width(), page.margin_height()
    if page.style["overflow"] != "visible":  # of <html> or <body>
        left = page.padding_box_x()
        right, bottom = left + page.padding_width(), page.padding_box_y() + page.padding_height()
    return Region(
        left=Edge(left, x + page.width, page.width, page, 1),
        right=Edge(right, x, page.width, page, 1),
        bottom=Edge(bottom, y, page.height, page, 1),
    )


def _moved(edge: Edge, scale: float, shift: float, depth: int) -> Edge:
    return edge._replace(
        at=(edge.at - shift) / scale,
        start=(edge.start - shift) / scale,
        room=edge.room / scale,
        depth=depth,
    )
