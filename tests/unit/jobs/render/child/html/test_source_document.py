"""What a URL leads to; the tests answer as the worker."""

from __future__ import annotations

import pytest

from jobs.core.errors.job import DocumentUnsupported
from jobs.render.child.html.fetcher import DocumentFetcher
from jobs.render.child.html.source_document import SourceDocument, fetched_document
from jobs.render.protocol.wire import Frame


def found(url: str, content_type: str, body: bytes = b"# Hi") -> SourceDocument:
    header = {"type": "fetched", "url": url, "content_type": content_type, "bytes_left": 0}
    return fetched_document(DocumentFetcher(lambda _: Frame(header, body)), "https://a.example/")


@pytest.mark.parametrize(
    ("url", "content_type"),
    [
        ("https://a.example/readme", "text/markdown; charset=utf-8"),
        ("https://a.example/readme", "text/x-markdown"),
        ("https://a.example/README.MD", "text/plain; charset=utf-8"),
        ("https://a.example/a.markdown?raw=1", "text/plain"),
        ("https://a.example/a.md", "application/octet-stream"),
    ],
)
def test_markdown_is_known_by_its_type_or_its_name(url: str, content_type: str) -> None:
    assert found(url, content_type) == SourceDocument("markdown", "# Hi", url=url)


@pytest.mark.parametrize("content_type", ["text/html", "application/xhtml+xml"])
def test_html_stays_html_whatever_its_name(content_type: str) -> None:
    document = found("https://a.example/a.md", f"{content_type}; charset=latin-1", b"<p>")
    assert document == SourceDocument("html", b"<p>", "latin-1", "https://a.example/a.md")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("Zoë".encode("latin-1"), "text/markdown; charset=iso-8859-1"),
        ("Zoë".encode(), "text/markdown"),
        ("\ufeffZoë".encode(), "text/markdown"),
        ("Zoë".encode(), "text/markdown; charset=nonsense"),
        ("Zoë".encode(), "text/markdown; charset=hex"),
    ],
)
def test_markdown_is_decoded_by_its_charset_or_as_utf_8(body: bytes, content_type: str) -> None:
    assert found("https://a.example/a", content_type, body).text == "Zoë"


@pytest.mark.parametrize(
    ("url", "content_type"),
    [
        ("https://a.example/a.png", "image/png"),
        ("https://a.example/a.txt", "text/plain"),
        ("https://a.example/a.md", "application/pdf"),
    ],
)
def test_anything_else_is_no_document(url: str, content_type: str) -> None:
    with pytest.raises(DocumentUnsupported, match=f"^{url} is {content_type}. A `url` should lead to") as no:
        found(url, content_type)
    assert not no.value.retryable
