"""What options change between layout and PDF: pages, bookmarks, and how readers open it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydyf  # type: ignore[import-untyped]
import weasyprint

from jobs.render.child.html.output import bookmarks, initial_view, page_choice

_POINTS_PER_PIXEL = 0.75


def prepared(document: weasyprint.Document, options: Mapping[str, Any]) -> weasyprint.Document:
    """Returns the document that is to be written.

    Raises:
        PageOutOfRange: it does not have a page that the options name.
    """
    if "page_ranges" in options:
        document = page_choice.chosen(document, options["page_ranges"])
    if "bookmark_depth" in options:
        bookmarks.limit(document, options["bookmark_depth"])
    if "initial_view" in options:
        initial_view.check(options["initial_view"], len(document.pages))
    return document


def complete(document: weasyprint.Document, pdf: pydyf.PDF, options: Mapping[str, Any], scale: float) -> None:
    """Completes the objects of the PDF, drawn at this scale, before they are written."""
    if "initial_view" in options:
        initial_view.write(options["initial_view"], document, pdf, scale * _POINTS_PER_PIXEL)
