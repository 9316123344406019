"""Keeps some pages of a document that is laid out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import weasyprint

from jobs.core.errors.job import PageOutOfRange
from jobs.render.protocol.page_ranges import BeyondLastPage, resolve


def chosen(document: weasyprint.Document, page_ranges: str) -> weasyprint.Document:
    """Returns the document with the pages in `page_ranges`, each once and in its order.

    Links to other pages become text. Bookmarks of other pages go, and those below them move up.

    Raises:
        PageOutOfRange: the document does not have one of the pages.
    """
    try:
        kept = sorted(set(resolve(page_ranges, len(document.pages))))
    except BeyondLastPage as error:
        raise PageOutOfRange(f"The document is shorter than page_ranges asks for: {error}.") from None
    everywhere = {anchor for page in document.pages for anchor in page.anchors}
    pages = [document.pages[index] for index in kept]
    lost = everywhere - {anchor for page in pages for anchor in page.anchors}
    for page in pages:
        page.links = list(_without(lost, page.links))
    copy: weasyprint.Document = document.copy(pages)
    return copy


def _without(lost: set[str], links: list[Any]) -> Iterator[Any]:
    for link in links:
        kind, target, *_ = link
        if kind != "internal" or target not in lost:
            yield link
