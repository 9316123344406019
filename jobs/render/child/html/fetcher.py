"""Fetches everything that a document refers to: images, stylesheets, fonts, attachments, itself.

There is one fetcher for each document. An asset that is refused or cannot be fetched is recorded in
`problems` and missing from the document. It does not fail the document.
"""

from __future__ import annotations

import http.client
import mimetypes
import signal
import socket
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from urllib.parse import unquote, urljoin, urlsplit

from weasyprint.urls import URLFetcher, URLFetcherResponse

from jobs.core.egress import Address, EgressError, EgressPolicy, Target
from jobs.render.child.html import pinned_http
from jobs.render.child.html.diagnostics import FetchCode, FetchProblem
from jobs.render.protocol.limits import FetchLimits

Resolve = Callable[[str, int], list[str]]

FILES_URL = "https://files.invalid/"
"""Base URL of uploaded files. The host name never resolves (RFC 6761, section 6.4)."""

_TYPES = mimetypes.MimeTypes()
_HEADERS = {"User-Agent": "Pressrun (WeasyPrint)", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SOCKET_SECONDS = 10.0
_MAX_SHOWN_CHARACTERS = 100


class FetchFailed(OSError):
    """An asset could not be fetched. WeasyPrint logs it and continues without the asset."""

    def __init__(self, problem: FetchProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class DocumentFetcher(URLFetcher):
    """Fetches ``data:`` URLs, uploaded files and HTTP for one document, within `limits`."""

    def __init__(
        self,
        limits: FetchLimits,
        resolve: Resolve | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        super().__init__(allow_redirects=False)  # type: ignore[no-untyped-call]
        self._limits = limits
        self._policy = EgressPolicy.from_entries(limits.egress_allow, only_listed=limits.mode == "allowlist")
        self._resolve = resolve or resolve_host
        self._addresses: dict[tuple[str, int], list[Address]] = {}
        self._files = files or {}
        self._requests_left = limits.max_requests
        self._bytes_left = limits.max_total_bytes
        self._seconds_left = limits.total_seconds
        self.problems: dict[str, FetchProblem] = {}
        """Why assets are missing, by their URLs."""
        self.asked_outside = False
        """Whether anything but ``data:`` URLs and uploaded files was asked for, fetched or not."""

    @property
    def base_url(self) -> str | None:
        """The base URL of the uploaded files, or None if there are none."""
        return FILES_URL if self._files else None

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
        """Returns the asset at `url`.

        Raises:
            FetchFailed: it is refused, unreachable or over a limit. `problems` has the reason, too.
        """
        if url[:5].lower() == "data:":
            asset: URLFetcherResponse = super().fetch(url)  # type: ignore[no-untyped-call]
            return asset
        try:
            if self._files and url.startswith(FILES_URL):
                return self._own_file(url)
            self.asked_outside = True
            return self._fetch(url)
        except FetchFailed as failed:
            self.problems.setdefault(url, failed.problem)
            raise

    def _own_file(self, url: str) -> URLFetcherResponse:
        name = unquote(urlsplit(url).path).removeprefix("/")
        if name not in self._files:
            raise _failed("unreachable", f"No file named {_shown(name)} came with the document.")
        content_type, _ = _TYPES.guess_type(name)
        headers = {"Content-Type": content_type or "application/octet-stream"}
        return URLFetcherResponse(url, self._files[name], headers, 200)

    def _fetch(self, url: str) -> URLFetcherResponse:
        if self._limits.mode == "none":
            raise _failed(
                "asset_forbidden", "Documents may not fetch anything here (PRESSRUN_FETCH is none)."
            )
        started = time.monotonic()
        try:
            with _time_limit(min(self._limits.asset_seconds, self._seconds_left)):
                return self._follow(url)
        except FetchFailed:
            raise
        except EgressError as error:
            raise _failed("asset_forbidden", str(error)) from None
        except TimeoutError:
            raise _failed("unreachable", f"{_shown(url)} did not answer in time.") from None
        except pinned_http.BodyTooLarge:
            limit = min(self._limits.max_asset_bytes, self._bytes_left)
            raise _failed(
                "asset_too_large", f"{_shown(url)} is larger than the {limit} bytes allowed."
            ) from None
        except (OSError, http.client.HTTPException, zlib.error, ValueError) as error:
            raise _failed("unreachable", f"{_shown(url)} could not be fetched: {_reason(error)}.") from None
        finally:
            self._seconds_left -= time.monotonic() - started

    def _follow(self, url: str) -> URLFetcherResponse:
        for _ in range(self._limits.max_redirects + 1):
            self._spend_request()
            target = self._policy.check_url(url.split("#", 1)[0])
            addresses = self._checked_addresses(target)
            with pinned_http.request(
                target, addresses, headers=_HEADERS, timeout=_SOCKET_SECONDS
            ) as response:
                location = response.headers.get("Location")
                if response.status in _REDIRECTS and location:
                    url = urljoin(url, location)
                    continue
                if not 200 <= response.status < 300:
                    raise _failed("unreachable", f"{_shown(url)} answered with status {response.status}.")
                body = pinned_http.read_body(response, min(self._limits.max_asset_bytes, self._bytes_left))
                self._bytes_left -= len(body)
                content_type = response.headers.get("Content-Type", "application/octet-stream")
                return URLFetcherResponse(url, body, {"Content-Type": content_type}, response.status)
        raise _failed("unreachable", f"{_shown(url)} is the end of too many redirects.")

    def _spend_request(self) -> None:
        if self._requests_left <= 0:
            raise _failed(
                "fetch_limit", f"The document makes more than {self._limits.max_requests} requests."
            )
        if self._bytes_left <= 0:
            raise _failed(
                "fetch_limit", f"The document fetches more than {self._limits.max_total_bytes} bytes."
            )
        if self._seconds_left <= 0:
            raise _failed(
                "fetch_limit", f"The document has used its {self._limits.total_seconds:g} s for fetching."
            )
        self._requests_left -= 1

    def _checked_addresses(self, target: Target) -> list[Address]:
        """Returns the addresses to connect to.

        A host is resolved once for each document, so that its answer cannot change after the check.
        """
        key = target.host, target.port
        if key not in self._addresses:
            self._addresses[key] = self._policy.check_addresses(target.host, self._resolve(*key))
        return self._addresses[key]


def resolve_host(host: str, port: int) -> list[str]:
    """Returns all addresses of `host`, in the order to try them.

    Raises:
        OSError: it does not resolve.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises TimeoutError inside after `seconds`, also if a server sends a byte now and then."""

    def time_is_up(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    if seconds <= 0:
        yield  # `_spend_request` refuses the next request, with a better message
        return
    previous = signal.signal(signal.SIGALRM, time_is_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _failed(code: FetchCode, message: str) -> FetchFailed:
    return FetchFailed(FetchProblem(code, message))


def _shown(url: str) -> str:
    return url if len(url) <= _MAX_SHOWN_CHARACTERS else url[: _MAX_SHOWN_CHARACTERS - 1] + "…"


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "its host name does not resolve"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text or type(error).__name__
