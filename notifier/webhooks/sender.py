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
from jobs.core.http.retry_after import parse_retry_after
from jobs.core.times import rfc3339
from jobs.webhooks.destination import Destinations, ResolveFailed
from notifier.webhooks.answer_reader import AnswerInvalid
from notifier.webhooks.connector import (
    CheckingConnector,
    InFlightRequest,
    Refused,
    in_flight,
    verifying_context,
)
from notifier.webhooks.exchange import Exchange

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
        try:
            target, url = self._checked(request.url)
        except EgressError as error:
            return Exchange(error="address_refused", message=str(error))
        state = InFlightRequest(target, Exchange())
        try:
            async with asyncio.timeout(deadline_s):
                await self._request(request, url, state)
                if _is_closed_unanswered(state.exchange):
                    state = InFlightRequest(target, Exchange(unanswered=state.exchange))
                    await self._request(request, url, state)
        except TimeoutError:
            state.exchange.error = "timeout"
            state.exchange.message = (
                f"No 2xx within {deadline_s:.3g} s for the whole exchange: "
                f"it ended while waiting for {_phase(state)}."
            )
        return state.exchange

    async def close(self) -> None:
        await self._session.close()

    def _check_url(self, url: str) -> tuple[Target, URL]:
        """Makes the URL from its checked parts: another parser could read the text differently."""
        target = self._destinations.check_url(url)
        return target, URL(f"{target.scheme}://{target.authority}{target.path}", encoded=True)

    async def _request(self, request: WebhookRequest, url: URL, state: InFlightRequest) -> None:
        began_s, token = time.perf_counter(), in_flight.set(state)
        try:
            async with self._session.post(
                url, data=request.body, headers=request.headers, allow_redirects=False
            ) as answer:
                await _note_answer(answer, state)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            _explain(error, state)
        finally:
            in_flight.reset(token)
            state.exchange.total_ms = (time.perf_counter() - began_s) * 1000


def _is_closed_unanswered(exchange: Exchange) -> bool:
    """Tells if a kept connection ended without an answer.

    Receivers close idle connections at any time, so that is no failure: the request goes over
    another one at once, and both are listed.
    """
    return exchange.error == "connection_closed" and exchange.is_reused and exchange.status is None


async def _note_answer(answer: aiohttp.ClientResponse, state: InFlightRequest) -> None:
    exchange, answered_s = state.exchange, time.perf_counter()
    exchange.status = answer.status
    exchange.phases_ms["first_byte"] = (answered_s - state.sent_at) * 1000
    exchange.retry_after_ms = parse_retry_after(answer.headers.get("retry-after"), round(time.time() * 1000))
    if state.tls is not None:
        exchange.tls = _describe(state.tls)
    exchange.answer = await _read_bounded(answer)
    exchange.phases_ms["body"] = (time.perf_counter() - answered_s) * 1000
    if not 200 <= answer.status < 300:
        exchange.error = "redirect" if 300 <= answer.status < 400 else "http_status"
        exchange.message = (
            f"The receiver answered {answer.status}; 2xx is success, redirects are not followed."
        )
    elif state.reader is not None and state.reader.has_surplus:
        exchange.message = (
            "More bytes came than belong to the answer, and were ignored: a body after 204, "
            "or one longer than its content-length."
        )
    elif len(exchange.answer) > MAX_ANSWER_BYTES:
        exchange.message = f"Only the first {MAX_ANSWER_BYTES // 1024} KiB of the answer were read."


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
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error.__cause__
    reason = (getattr(cause, "strerror", None) or str(cause or error))[:300]
    refused = cause.args[0] if isinstance(cause, Refused) else state.refused
    if refused is not None:
        exchange.error, exchange.message = "address_refused", str(refused)
    elif isinstance(cause, ResolveFailed):
        exchange.error, exchange.message = "dns_failed", reason
        exchange.is_fault = cause.is_ours
    elif isinstance(error, aiohttp.ClientConnectorCertificateError):
        exchange.error, exchange.message = "tls_certificate", str(error.certificate_error)[:300]
    elif isinstance(cause, ssl.SSLError):
        exchange.error, exchange.message = "tls_failed", f"TLS failed: {reason}"
    elif isinstance(error, aiohttp.ClientConnectorError) and state.handshake_at:
        exchange.error = "tls_failed"
        exchange.message = "The receiver closed the connection during the TLS handshake."
    elif isinstance(error, aiohttp.ClientConnectorError):
        exchange.error = "connect_failed"
        exchange.message = f"No connection to {state.target.authority}: {reason}"
        exchange.is_fault = error.os_error.errno in _OUR_ERRNOS
    elif isinstance(error, aiohttp.ClientResponseError | AnswerInvalid | ValueError):
        exchange.error = "invalid_answer"
        exchange.message = f"The answer is not valid HTTP. {_in_one_line(error)}"
    else:
        how = "reset" if isinstance(cause, ConnectionResetError) else "closed"
        exchange.error = "connection_closed"
        exchange.message = f"The connection was {how} while Pressrun waited for {_phase(state)}."


def _in_one_line(error: Exception) -> str:
    """Returns what `aiohttp` says of a bad answer, without the mark below the bad character."""
    text = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
    return " ".join(text.replace("^", "").split())[:300]


def _phase(state: InFlightRequest) -> str:
    if state.exchange.status is not None:
        return "the body of the answer"
    if state.sent_at:
        return "an answer"
    if state.handshake_at:
        return "the TLS handshake"
    return "a connection" if state.socket_at else "the address of the host"
