"""The size of a page, and of its margins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weasyprint.formatting_structure import boxes
from weasyprint.layout.page import page_height, page_width
from weasyprint.layout.percent import resolve_percentages

from jobs.render.child.html.headers.variants import Place


@dataclass(frozen=True, slots=True)
class Sheet:
    """In CSS pixels. Margins end where the border of the page begins."""

    width: float
    height: float
    top: float
    right: float
    bottom: float
    left: float

    def margin(self, place: Place) -> float:
        return self.top if place == "top" else self.bottom


def of_page(page: Any) -> Sheet:
    """Returns the sheet of a page box that has its sizes."""
    width, height = page.margin_width(), page.margin_height()
    return Sheet(
        width=width,
        height=height,
        top=page.margin_top,
        right=width - page.margin_left - page.border_width(),
        bottom=height - page.margin_top - page.border_height(),
        left=page.margin_left,
    )


def of_style(page_type: Any, style: Any) -> Sheet:
    """Returns the sheet of pages of this type before any is laid out."""
    page = boxes.PageBox(page_type, style)
    width, height = style["size"]
    resolve_percentages(page, (width, height))
    page_width(page, None, width)
    page_height(page, None, height)
    return of_page(page)
