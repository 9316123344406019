"""Gives the links of a document the addresses that its readers need.

WeasyPrint resolves links with the base URL of the document, which is an internal address if files
came with it. Readers of the PDF know neither that address nor the files.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import weasyprint
from weasyprint.html import HTML_HANDLERS
from weasyprint.urls import iri_to_uri, url_is_absolute

from jobs.render.child.corrections.malformed_urls import joined

_Handler = Callable[..., Any]

_TAB_AND_NEWLINE = dict.fromkeys(map(ord, "\t\n\r"))
_MAX_SHOWN = 5


def relative_to_document(url: str, document_url: str) -> str:
    """Returns the address of a file relative to the document. Both are URLs among the files."""
    parts = urlsplit(url)
    rest = parts._replace(scheme="", netloc="", path="").geturl()
    path = posixpath.relpath(parts.path, posixpath.dirname(urlsplit(document_url).path))
    return f"{path}/{rest}" if parts.path.endswith("/") else path + rest


class Links:
    """Settles the links of one document: first while it is laid out, then `finish`."""

    def __init__(self, *, public_base_url: str | None, files_base_url: str | None) -> None:
        """`files_base_url` is the internal address of the document among its files."""
        self._public = public_base_url
        self._files = files_base_url
        self._relative: dict[str, None] = {}

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Replaces what WeasyPrint does with each ``<a>``."""
        handle = HTML_HANDLERS["a"]
        HTML_HANDLERS["a"] = self._handling(handle)
        try:
            yield
        finally:
            HTML_HANDLERS["a"] = handle

    def finish(self, document: weasyprint.Document, html: weasyprint.HTML) -> str | None:
        """Settles what is left.

        Returns:
            A warning that names the links that are relative in the PDF, or None.
        """
        for page in document.pages:
            page.links = list(_with_whole_attachments(page.links))
        for form in html.etree_element.iter("form"):
            if action := _written(form, "action"):
                url = joined(html.base_url or "", action)
                form.set("action", self._address(iri_to_uri(url), action, html.base_url))
        return _warning(list(self._relative)) if self._relative else None

    def _handling(self, handle: _Handler) -> _Handler:
        def handle_a(element: Any, box: Any, get_image: Any, base_url: str | None) -> Any:
            boxes = handle(element, box, get_image, base_url)
            written = _written(element, "href")
            if written == "#":  # leads nowhere in a PDF
                box.link = None
            elif box.link is not None and not box.is_attachment():
                _, (kind, target) = box.link
                if kind == "external":
                    box.link = ("url", (kind, self._address(target, written, base_url)))
            return boxes

        return handle_a

    def _address(self, url: str, written: str, base_url: str | None) -> str:
        """Returns the address for the PDF.

        Args:
            url: the address as WeasyPrint resolves it.
            written: the address as the document has it.
            base_url: what relative addresses are resolved with.
        """
        if self._files is not None and url.startswith(urljoin(self._files, "/")):
            url = iri_to_uri(written) if base_url == self._files else self._among_files(url, written)
        if url.startswith("//"):
            url = f"https:{url}"
        if not url_is_absolute(url):
            if self._public is not None:
                url = joined(self._public, url)
                return str(iri_to_uri(url))
            self._relative[url] = None
        return url

    def _among_files(self, url: str, written: str) -> str:
        """Returns the address for a document whose ``<base>`` names a folder."""
        if written.startswith("/"):
            return urlsplit(url)._replace(scheme="", netloc="").geturl()
        return relative_to_document(url, self._files or "")


def _written(element: Any, attribute: str) -> str:
    value: str = element.get(attribute) or ""
    return value.strip().translate(_TAB_AND_NEWLINE)


def _with_whole_attachments(links: list[Any]) -> Iterator[Any]:
    """Yields the links of a page. Parts of a link to an attachment, such as a picture in it, become
    links to the attachment: WeasyPrint gives them the address from which it was fetched."""
    attached = {target for kind, target, _, _ in links if kind == "attachment"}
    for kind, target, rectangle, box in links:
        yield ("attachment" if target in attached else kind), target, rectangle, box


def _warning(addresses: list[str]) -> str:
    shown = ", ".join(addresses[:_MAX_SHOWN]) + (", …" if len(addresses) > _MAX_SHOWN else "")
    what = "1 link stays" if len(addresses) == 1 else f"{len(addresses)} links stay"
    return (
        f"{what} relative: {shown}. PDF readers look for relative links beside the PDF. Set base_url to make "
        "them absolute."
    )
