"""Lets a document go on without a colour profile that cannot be fetched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import weasyprint.css
from weasyprint.urls import URLFetcher, URLFetcherResponse, URLFetchingError, fetch


@contextmanager
def optional_color_profiles() -> Iterator[None]:
    """Makes WeasyPrint ignore an ``@color-profile`` rule whose source is missing.

    It fetches nothing else through this name of its module, and takes every other missing asset for
    what it is. It logs what it ignores, and the fetcher keeps the reason.
    """
    weasyprint.css.fetch = _fetch_or_nothing  # type: ignore[attr-defined, assignment]
    try:
        yield
    finally:
        weasyprint.css.fetch = fetch  # type: ignore[attr-defined]


@contextmanager
def _fetch_or_nothing(fetcher: URLFetcher, url: str) -> Iterator[URLFetcherResponse]:
    with ExitStack() as closing:
        try:
            response = closing.enter_context(fetch(fetcher, url))
        except URLFetchingError:
            response = URLFetcherResponse(url, b"")
        yield response
