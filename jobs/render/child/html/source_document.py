"""The document as it was sent, or as it was found at a URL: HTML or Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jobs.core.errors.job import DocumentUnsupported
from jobs.render.protocol.failures import shown_url

if TYPE_CHECKING:
    from weasyprint.urls import URLFetcherResponse

    from jobs.render.child.html.fetcher import DocumentFetcher

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_MARKDOWN_TYPES = frozenset({"text/markdown", "text/x-markdown"})  # RFC 7763, and what came before it
_UNKNOWN_TYPES = frozenset({"text/plain", "application/octet-stream"})
"""What servers say that do not know the names of Markdown files."""
_MARKDOWN_NAMES = (".md", ".markdown")


@dataclass(frozen=True, slots=True)
class SourceDocument:
    format: str
    """``html``, ``markdown`` or ``template``."""
    text: str | bytes
    encoding: str | None = None
    """Of bytes, as the server says."""
    url: str | None = None
    """Where it was found, after all redirects; None if it was sent."""


def fetched_document(fetcher: DocumentFetcher, url: str) -> SourceDocument:
    """Returns the document at `url`.

    Raises:
        FetchFailed: it cannot be fetched.
        DocumentUnsupported: it is neither HTML nor Markdown.
    """
    response = fetcher.fetch(url)
    found = str(response.url)
    if response.content_type in _HTML_TYPES:
        return SourceDocument("html", response.read(), response.charset, found)
    if _is_markdown(response, found):
        return SourceDocument("markdown", _decoded(response.read(), response.charset), url=found)
    raise DocumentUnsupported(
        f"{shown_url(found)} is {response.content_type}. A `url` should lead to HTML or to Markdown."
    )


def _is_markdown(response: URLFetcherResponse, url: str) -> bool:
    if response.content_type in _MARKDOWN_TYPES:
        return True
    path = urlsplit(url).path.lower()
    return response.content_type in _UNKNOWN_TYPES and path.endswith(_MARKDOWN_NAMES)


def _decoded(text: bytes, charset: str | None) -> str:
    try:
        decoded = text.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        decoded = text.decode("utf-8", "replace")
    return decoded.removeprefix("\ufeff")
