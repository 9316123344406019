"""Sends one signed request to a receiver: within one deadline, reading a bounded answer."""

from __future__ import annotations

import asyncio
import errno
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import aiohttp
from yarl import URL

from jobs.core.egress import EgressError, Target
from jobs.core.times import rfc3339
from jobs.webhooks.destination import Destinations, ResolveFailed
from notifier.webhooks.connector import (
    CheckingConnector,
    InFlightRequest,
    Refused,
    in_flight,
    verifying_context,
)
from notifier.webhooks.exchange import Exchange, parse_retry_after

MAX_ANSWER_BYTES = 64 * 1024
"""How much of an answer is read. The connection of a longer one is closed."""
MAX_HEADER_BYTES = 8 * 1024
MAX_HEADERS = 128
KEPT_URLS = 10_000
USER_AGENT = "Pressrun-Webhooks/1.0"
_OUR_ERRNOS = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EADDRNOTAVAIL,
    errno.ENETDOWN,
    errno.ENETUNREACH,
}


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A signed request, ready to be sent."""

    url: str
    body: bytes
    headers: Mapping[str, str]


class Sender:
    """Sends webhook requests. Keeps connections per origin; reads nothing from the environment."""

    def __init__(self, destinations: Destinations, tls: ssl.SSLContext | None = None) -> None:
        self._destinations = destinations
        self._checked = lru_cache(maxsize=KEPT_URLS)(self._check_url)
        self._session = aiohttp.ClientSession(
            connector=CheckingConnector(destinations, tls or verifying_context()),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )

    async def send(self, request: WebhookRequest, deadline_s: float) -> Exchange:
        """Makes the request. Raises nothing for what the network or the receiver does."""
        exchange = Exchange()
        began_s = time.perf_counter()
        try:
            target, url = self._checked(request.url)
        except EgressError as error:
            exchange.error, exchange.message = "address_refused", str(error)
            return exchange
        state = InFlightRequest(target, exchange)
        token = in_flight.set(state)
        try:
            async with asyncio.timeout(deadline_s):
                await self._exchange(request, url, state)
        except TimeoutError:
            exchange.error, exchange.message = "timeout", _timeout_message(state, deadline_s)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            _explain(error, state)
        finally:
            in_flight.reset(token)
        exchange.total_ms = (time.perf_counter() - began_s) * 1000
        return exchange

    async def close(self) -> None:
        await self._session.close()

    def _check_url(self, url: str) -> tuple[Target, URL]:
        """Returns the URL put together from its checked parts.

        Another parser could read the same text as another address.
        """
        target = self._destinations.check_url(url)
        return target, URL(f"{target.scheme}://{target.authority}{target.path}", encoded=True)

    async def _exchange(self, request: WebhookRequest, url: URL, state: InFlightRequest) -> None:
        try:
            await self._request(request, url, state)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # The receiver had closed a kept connection, which is no failure: try a new one once.
            if not state.exchange.is_reused or state.exchange.status is not None:
                raise
            state.exchange.is_reused = False
            await self._request(request, url, state)

    async def _request(self, request: WebhookRequest, url: URL, state: InFlightRequest) -> None:
        exchange = state.exchange
        async with self._session.post(
            url, data=request.body, headers=request.headers, allow_redirects=False
        ) as answer:
            answered_s = time.perf_counter()
            exchange.status = answer.status
            exchange.first_byte_ms = (answered_s - state.sent_at) * 1000
            exchange.retry_after_ms = parse_retry_after(
                answer.headers.get("retry-after"), round(time.time() * 1000)
            )
            if state.tls is not None:
                exchange.tls = _describe(state.tls)
            exchange.answer = await _read_bounded(answer)
            exchange.body_ms = (time.perf_counter() - answered_s) * 1000
        if not 200 <= answer.status < 300:
            exchange.error = "redirect" if 300 <= answer.status < 400 else "http_status"
            exchange.message = (
                f"The receiver answered {answer.status}; 2xx is success, redirects are not followed."
            )


async def _read_bounded(answer: aiohttp.ClientResponse) -> bytes:
    kept = bytearray()
    async for chunk in answer.content.iter_any():
        kept += chunk
        if len(kept) > MAX_ANSWER_BYTES:
            answer.close()
            break
    return bytes(kept)


def _describe(tls: ssl.SSLObject) -> dict[str, Any]:
    """Returns the TLS version, and the expiry and names of the receiver's certificate."""
    certificate: dict[str, Any] = dict(tls.getpeercert() or {})
    expires = certificate.get("notAfter")
    return {
        "version": tls.version(),
        "expires_at": rfc3339(int(ssl.cert_time_to_seconds(expires)) * 1000) if expires else None,
        "names": [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"][:20],
    }


def _explain(error: Exception, state: InFlightRequest) -> None:
    """Notes what went wrong as a code and a sentence, and if the fault is ours."""
    exchange = state.exchange
    exchange.message = str(error)[:300] or type(error).__name__
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
    refused = cause.reason if isinstance(cause, Refused) else state.refused
    if refused is not None:
        exchange.error, exchange.message = "address_refused", str(refused)
    elif isinstance(cause, ResolveFailed):
        exchange.error, exchange.message = "dns_failed", str(cause.strerror)
        exchange.is_fault = cause.is_ours
    elif isinstance(error, aiohttp.ClientConnectorCertificateError):
        exchange.error, exchange.message = "tls_certificate", str(error.certificate_error)[:300]
    elif isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        exchange.error = "tls_failed"
    elif isinstance(error, aiohttp.ClientConnectorError):
        exchange.error = "connect_failed"
        exchange.is_fault = error.os_error.errno in _OUR_ERRNOS
    elif isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError | ConnectionError):
        exchange.error = "connection_closed"
    elif isinstance(error, aiohttp.ClientResponseError | ValueError):
        exchange.error = "invalid_answer"
    else:
        exchange.error = "connection_failed"


def _timeout_message(state: InFlightRequest, deadline_s: float) -> str:
    if state.exchange.status is not None:
        phase = "the body of the answer"
    elif state.sent_at:
        phase = "an answer"
    elif state.handshake_at:
        phase = "the TLS handshake"
    elif state.socket_at:
        phase = "a connection"
    else:
        phase = "the address of the host"
    return f"No 2xx within {deadline_s:.3g} s for the whole exchange: it ended while waiting for {phase}."
