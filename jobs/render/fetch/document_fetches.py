"""Fetches what one document asks for, within the egress policy and the limits of a document."""

from __future__ import annotations

import asyncio
import http.client
import math
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
from jobs.core.http.custom_headers import HeadersByOrigin
from jobs.core.http.retry_after import parse_retry_after
from jobs.render.fetch import pinned_http
from jobs.render.protocol.failures import shown_url
from jobs.render.protocol.limits import MAX_RETRY_AFTER_S, FetchLimits

if TYPE_CHECKING:
    from jobs.render.protocol.messages import FetchCode

T = TypeVar("T")
Resolve = Callable[[str, int], Sequence[str | Address]]

_HEADERS = {"User-Agent": "Pressrun (WeasyPrint)", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
_WANTS_CREDENTIALS = frozenset({401, 403})
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
        self,
        code: FetchCode,
        message: str,
        *,
        is_final: bool = False,
        detail: str | None = None,
        status: int | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_final = is_final
        """Whether this document gets nothing more, for the same reason."""
        self.detail = detail
        """What only the operator may know."""
        self.status = status
        """The HTTP status with which the server has answered."""
        self.retry_after_s = retry_after_s
        """How long the server has asked to wait."""


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

    async def fetch(self, url: str, credentials: HeadersByOrigin | None = None) -> Asset:
        """Returns the asset at `url`. Cancelling this call ends its connection.

        Each request carries the headers that `credentials` have for its own origin, and no others:
        what a redirect leads to gets none of those that the first URL got.

        Raises:
            FetchFailed: it is refused, unreachable or over a limit.
        """
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._time_limit()):
                return await self._follow(url, credentials or {})
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

    async def _follow(self, url: str, credentials: HeadersByOrigin) -> Asset:
        asked_for, status = url, None
        for _ in range(self._limits.max_redirects + 1):
            self._spend_request()
            target = self._policy.check_url(url.split("#", 1)[0])
            try:
                addresses = await self._checked_addresses(target)
            except AddressRefused as error:
                raise _not_allowed(asked_for, error, is_redirect=url != asked_for) from None
            own = credentials.get(target.origin, {})
            ours = {name: value for name, value in _HEADERS.items() if name.lower() not in own}
            headers = {**ours, **own}
            response = await self._perform(pinned_http.Request(target, addresses, headers))
            status = response.status
            if status in _REDIRECTS and response.location:
                url = _redirected(url, response.location)
                continue
            if not 200 <= status < 300:
                raise _refused(url, response, has_credentials=bool(own))
            self._bytes_left -= len(response.body)
            return Asset(url, response.content_type, response.body)
        raise FetchFailed("unreachable", f"{shown_url(url)} is the end of too many redirects.", status=status)

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


def _refused(url: str, response: pinned_http.Response, *, has_credentials: bool) -> FetchFailed:
    """Returns the failure for a status that is no success."""
    about = ""
    if response.status in _WANTS_CREDENTIALS and has_credentials:
        about = ", although it got the credentials of the option `fetch`"
    elif response.status in _WANTS_CREDENTIALS:
        about = ". The option `fetch` can give credentials for its origin"
    after_ms = parse_retry_after(response.retry_after, round(time.time() * 1000))
    after_s = min(math.ceil(after_ms / 1000), MAX_RETRY_AFTER_S)
    if after_s:
        about = f", and asks to wait {after_s} s"
    return FetchFailed(
        "unreachable",
        f"{shown_url(url)} answered with status {response.status}{about}.",
        status=response.status,
        retry_after_s=after_s or None,
    )


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
