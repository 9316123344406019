"""Writes into the PDF how readers show it when they open it (ISO 32000-1, 7.7.2 and 12.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydyf  # type: ignore[import-untyped]
import weasyprint

from jobs.core.errors.job import PageOutOfRange

_PAGE_MODES = {
    "none": "/UseNone",
    "bookmarks": "/UseOutlines",
    "thumbnails": "/UseThumbs",
    "attachments": "/UseAttachments",
    "full_screen": "/FullScreen",
}


def check(view: Mapping[str, Any], pages: int) -> None:
    """Checks that the PDF has the page to open.

    Raises:
        PageOutOfRange
    """
    page = view.get("page", 1)
    if page > pages:
        raise PageOutOfRange(f"initial_view opens page {page}, and the PDF has {pages}.")


def write(view: Mapping[str, Any], document: weasyprint.Document, pdf: pydyf.PDF, scale: float) -> None:
    """Sets what `view` asks for; `scale` is the number of points in a CSS pixel."""
    catalog = pdf.catalog
    if "page_mode" in view:
        catalog["PageMode"] = _PAGE_MODES[view["page_mode"]]
    if "page_layout" in view:
        catalog["PageLayout"] = "/" + view["page_layout"].title().replace("_", "")
    if "display_title" in view:
        preferences = catalog.setdefault("ViewerPreferences", pydyf.Dictionary())
        preferences["DisplayDocTitle"] = "true" if view["display_title"] else "false"
    if "page" in view or "zoom" in view:
        index = view.get("page", 1) - 1
        top = document.pages[index].height * scale
        catalog["OpenAction"] = pydyf.Array([pdf.page_references[index], *_fit(view.get("zoom"), top)])


def _fit(zoom: float | str | None, top: float) -> list[Any]:
    """Returns the part of a destination after its page; 0 as a zoom leaves the reader's own."""
    if zoom == "fit_page":
        return ["/Fit"]
    if zoom == "fit_width":
        return ["/FitH", top]
    return ["/XYZ", 0, top, zoom or 0]
