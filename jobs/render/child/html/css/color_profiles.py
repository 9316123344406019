"""Lets a document go on without a colour profile that cannot be fetched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import weasyprint.css
from weasyprint.urls import URLFetcher, URLFetcherResponse, URLFetchingError, fetch


@contextmanager
def optional_color_profiles() -> Iterator[None]:
    """Makes WeasyPrint ignore an ``@color-profile`` rule whose source is missing.

    Otherwise WeasyPrint can fail the whole document. The patched name, `weasyprint.css.fetch`, is
    used for colour profiles only. WeasyPrint logs the rule, and the fetcher records why the source
    is missing.
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
