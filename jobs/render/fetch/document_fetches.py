"""Fetches what one document asks for, within the egress policy and the limits of a document."""

from __future__ import annotations

import asyncio
import http.client
import socket
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin

from jobs.core.egress import Address, AddressRefused, EgressPolicy, Target, UrlRefused
from jobs.render.fetch import pinned_http
from jobs.render.protocol.failures import shown_url
from jobs.render.protocol.limits import FetchLimits

if TYPE_CHECKING:
    from jobs.render.protocol.messages import FetchCode

T = TypeVar("T")
Resolve = Callable[[str, int], Sequence[str | Address]]

_HEADERS = {"User-Agent": "Pressrun (WeasyPrint)", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Asset:
    url: str
    """Where it was found, after all redirects."""
    content_type: str
    body: bytes


class FetchFailed(Exception):
    """An asset could not be fetched. `message` is for the owner of the document."""

    def __init__(
        self, code: FetchCode, message: str, *, is_final: bool = False, detail: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_final = is_final
        """Whether this document gets nothing more, for the same reason."""
        self.detail = detail
        """What only the operator may know."""


class DocumentFetches:
    """Fetches for one document, one asset after the other."""

    def __init__(
        self, limits: FetchLimits, policy: EgressPolicy, threads: Executor, resolve: Resolve
    ) -> None:
        self._limits = limits
        self._policy = policy
        self._threads = threads
        self._resolve = resolve
        self._addresses: dict[tuple[str, int], list[Address]] = {}
        self._requests_left = limits.max_requests
        self._bytes_left = limits.max_total_bytes
        self._seconds_left = limits.total_seconds

    async def fetch(self, url: str) -> Asset:
        """Returns the asset at `url`. Cancelling this call ends its connection.

        Raises:
            FetchFailed: it is refused, unreachable or over a limit.
        """
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._time_limit()):
                return await self._follow(url)
        except UrlRefused as error:
            raise FetchFailed("asset_forbidden", str(error)) from None
        except TimeoutError:
            raise FetchFailed("unreachable", f"{shown_url(url)} did not answer in time.") from None
        except pinned_http.BodyTooLarge:
            raise FetchFailed(
                "asset_too_large", f"{shown_url(url)} is larger than the {self._byte_limit()} bytes allowed."
            ) from None
        except (OSError, http.client.HTTPException, zlib.error, ValueError) as error:
            raise FetchFailed(
                "unreachable", f"{shown_url(url)} could not be fetched: {_reason(error)}."
            ) from None
        finally:
            self._seconds_left -= time.monotonic() - started

    async def _follow(self, url: str) -> Asset:
        asked_for = url
        for _ in range(self._limits.max_redirects + 1):
            self._spend_request()
            target = self._policy.check_url(url.split("#", 1)[0])
            try:
                addresses = await self._checked_addresses(target)
            except AddressRefused as error:
                raise _not_allowed(asked_for, error, is_redirect=url != asked_for) from None
            response = await self._perform(pinned_http.Request(target, addresses, _HEADERS))
            if response.status in _REDIRECTS and response.location:
                url = _redirected(url, response.location)
                continue
            if not 200 <= response.status < 300:
                raise FetchFailed("unreachable", f"{shown_url(url)} answered with status {response.status}.")
            self._bytes_left -= len(response.body)
            return Asset(url, response.content_type, response.body)
        raise FetchFailed("unreachable", f"{shown_url(url)} is the end of too many redirects.")

    async def _perform(self, request: pinned_http.Request) -> pinned_http.Response:
        try:
            return await self._in_thread(partial(request.perform, self._byte_limit()))
        except asyncio.CancelledError:
            request.abort()
            raise

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def _time_limit(self) -> float | None:
        # If no time is left, `_spend_request` refuses with a better message than a timeout.
        return min(self._limits.asset_seconds, self._seconds_left) if self._seconds_left > 0 else None

    def _byte_limit(self) -> int:
        return min(self._limits.max_asset_bytes, self._bytes_left)

    def _spend_request(self) -> None:
        if self._requests_left <= 0:
            raise _over_limit(f"makes more than {self._limits.max_requests} requests")
        if self._bytes_left <= 0:
            raise _over_limit(f"fetches more than {self._limits.max_total_bytes} bytes")
        if self._seconds_left <= 0:
            raise _over_limit(f"has used its {self._limits.total_seconds:g} s for fetching")
        self._requests_left -= 1

    async def _checked_addresses(self, target: Target) -> list[Address]:
        """Returns the addresses to connect to.

        A host is resolved once for each document, so that its answer cannot change after the check.
        """
        key = target.host, target.port
        if key not in self._addresses:
            found = await self._in_thread(partial(self._resolve, *key))
            self._addresses[key] = self._policy.check_addresses(target.host, found)
        return self._addresses[key]


def _redirected(url: str, location: str) -> str:
    """Returns the URL that a redirect leads to. Raises UrlRefused."""
    try:
        return urljoin(url, location)
    except ValueError:
        raise UrlRefused(location, "it is malformed") from None


def _over_limit(what: str) -> FetchFailed:
    return FetchFailed("fetch_limit", f"The document {what}.", is_final=True)


def _not_allowed(url: str, error: AddressRefused, *, is_redirect: bool) -> FetchFailed:
    # What a name resolves to, inside the operator's network, is not for the owner of a document.
    what = "redirects to an address that is not allowed" if is_redirect else "is not allowed"
    message = f"{shown_url(url)} {what}. PRESSRUN_EGRESS_ALLOW can allow it."
    return FetchFailed("asset_forbidden", message, detail=error.detail)


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "its host name does not resolve"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text or type(error).__name__
