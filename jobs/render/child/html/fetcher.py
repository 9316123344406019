"""Gives a document everything that it refers to: images, stylesheets, fonts, attachments, itself.

There is one fetcher for each document. It answers ``data:`` URLs and those of uploaded files by
itself, and asks the worker for all others. An asset that is refused or cannot be fetched is
recorded in `problems` and missing from the document. It does not fail the document.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from weasyprint.urls import URLFetcher, URLFetcherResponse

from jobs.core.egress import MAX_URL_CHARACTERS
from jobs.render.child.html.diagnostics import FetchProblem
from jobs.render.child.html.links import relative_to_document
from jobs.render.protocol.failures import shown_url
from jobs.render.protocol.wire import Frame

Ask = Callable[[dict[str, Any]], Frame]
"""Sends a message to the worker and returns the frame with which it answers."""

FILES_URL = "https://files.invalid/"
"""Base URL of uploaded files. The host name never resolves (RFC 6761, section 6.4)."""

_TYPES = mimetypes.MimeTypes()


class FetchFailed(OSError):
    """An asset could not be fetched. WeasyPrint logs it and continues without the asset."""

    def __init__(self, problem: FetchProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class DocumentFetcher(URLFetcher):
    """Fetches ``data:`` URLs and uploaded files itself, and all others by `ask`."""

    def __init__(
        self,
        ask: Ask,
        files: Mapping[str, bytes] | None = None,
        public_base_url: str | None = None,
        index: str | None = None,
    ) -> None:
        """`index` is the name of the document, if it is not at the root of its `files`.

        Relative URLs that name none of `files` begin at `public_base_url`, if there is one.
        """
        super().__init__(allow_redirects=False)  # type: ignore[no-untyped-call]
        self._ask = ask
        self._files = files or {}
        self._public_base_url = public_base_url
        self._index = index or ""
        self._final_problem: FetchProblem | None = None
        self.problems: dict[str, FetchProblem] = {}
        """Why assets are missing, by their URLs."""

    @property
    def base_url(self) -> str | None:
        """The URL of the document among its files, or None if no files came with it."""
        return FILES_URL + quote(self._index) if self._files or self._index else None

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
        """Returns the asset at `url`.

        Raises:
            FetchFailed: it is refused, unreachable or over a limit. `problems` has the reason, too.
        """
        if url[:5].lower() == "data:":
            asset: URLFetcherResponse = super().fetch(url)  # type: ignore[no-untyped-call]
            return asset
        try:
            if self.base_url is not None and url.startswith(FILES_URL):
                return self._own_file(url)
            return self._fetch(url)
        except FetchFailed as failed:
            self.problems.setdefault(url, failed.problem)
            raise

    def _own_file(self, url: str) -> URLFetcherResponse:
        name = unquote(urlsplit(url).path).removeprefix("/")
        if name not in self._files:
            if self._public_base_url is not None:
                beside = relative_to_document(url, self.base_url or FILES_URL)
                return self._fetch(urljoin(self._public_base_url, beside))
            problem = FetchProblem("unreachable", f"No file named {shown_url(name)} came with the document.")
            raise FetchFailed(problem)
        content_type, _ = _TYPES.guess_type(name)
        headers = {"Content-Type": content_type or "application/octet-stream"}
        return URLFetcherResponse(url, self._files[name], headers, 200)

    def _fetch(self, url: str) -> URLFetcherResponse:
        if self._final_problem is not None:
            raise FetchFailed(self._final_problem)
        frame = self._answer({"type": "asset", "url": url[: MAX_URL_CHARACTERS + 1]})
        found, content_type = frame.header["url"], frame.header["content_type"]
        pieces = [frame.body]
        while frame.header["bytes_left"]:
            frame = self._answer({"type": "more"})
            pieces.append(frame.body)
        return URLFetcherResponse(found, b"".join(pieces), {"Content-Type": content_type}, 200)

    def _answer(self, question: dict[str, Any]) -> Frame:
        frame = self._ask(question)
        if frame.header["type"] == "not_fetched":
            header = frame.header
            problem = FetchProblem(
                header["code"], header["message"], header["status"], header["retry_after_s"]
            )
            if header["is_final"]:
                self._final_problem = problem
            raise FetchFailed(problem)
        return frame


def ask_nobody(question: dict[str, Any]) -> Frame:
    """An `Ask` for documents of Pressrun itself, which refer to nothing."""
    raise AssertionError(f"a document of Pressrun itself asks for {question}")
