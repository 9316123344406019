"""Connects to receivers: checks every address before a connection goes there, and times each phase.

`aiohttp` resolves and connects in the task of the request. So the resolver and the maker of sockets
find the `InFlightRequest` in a context variable. How an answer is read is in `answer_reader`.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
import time
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, cast

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from jobs.core.egress import EgressError, Target
from jobs.webhooks.destination import Destinations
from notifier.webhooks.answer_reader import AnswerReader
from notifier.webhooks.exchange import Exchange

if TYPE_CHECKING:
    from aiohttp.connector import Connection

MAX_TRIED_ADDRESSES = 8
KEEPALIVE_S = 30.0
DNS_CACHE_S = 10


@dataclass(slots=True)
class InFlightRequest:
    target: Target
    exchange: Exchange
    refused: EgressError | None = None
    """Why the policy refused a connection, if it did; `aiohttp` may raise another error."""
    socket_at: float = 0.0
    handshake_at: float = 0.0
    tls: ssl.SSLObject | None = None
    sent_at: float = 0.0
    reader: AnswerReader | None = None


class Refused(OSError):
    """The policy refused an address; its argument says why. `aiohttp` expects an OSError."""


in_flight: ContextVar[InFlightRequest] = ContextVar("in_flight")


class CheckingResolver(AbstractResolver):
    """Resolves with `Destinations`, which refuses a host if it refuses one of its addresses."""

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations

    # aiohttp shares one lookup among requests for the same host. So the reason of a refusal is in
    # the error, which all of them get.
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        request, began_s = in_flight.get(), time.perf_counter()
        try:
            addresses = await self._destinations.resolve(request.target)
        except EgressError as error:
            raise Refused(error) from error
        request.exchange.phases_ms["dns"] = (time.perf_counter() - began_s) * 1000
        request.exchange.addresses = [str(address) for address in addresses]
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=int(socket.AI_NUMERICHOST),
            )
            for address in addresses[:MAX_TRIED_ADDRESSES]
        ]

    async def close(self) -> None:
        """Does nothing: `Destinations` belongs to the caller."""


class CheckingConnector(aiohttp.TCPConnector):
    """Keeps connections per origin, and checks the address of every socket that it makes."""

    def __init__(self, destinations: Destinations, tls: ssl.SSLContext) -> None:
        self._destinations = destinations
        super().__init__(
            resolver=CheckingResolver(destinations),
            ssl=tls,
            limit=0,
            keepalive_timeout=KEEPALIVE_S,
            ttl_dns_cache=DNS_CACHE_S,
            socket_factory=self._make_socket,
        )
        reader = functools.partial(AnswerReader, asyncio.get_running_loop())
        self._factory = reader  # type: ignore[assignment]

    # aiohttp's traces would tell the same, but cost a tenth of a request.
    async def connect(self, *arguments: Any, **named: Any) -> Connection:
        """Returns a kept or a new connection; the request is written right after this."""
        connection = await super().connect(*arguments, **named)
        request = in_flight.get()
        request.sent_at = time.perf_counter()
        request.reader = cast(AnswerReader, connection.protocol)
        request.exchange.is_sent = True
        request.exchange.is_reused = not request.socket_at
        if request.socket_at:
            connected_at = request.handshake_at or request.sent_at
            request.exchange.phases_ms["connect"] = (connected_at - request.socket_at) * 1000
        if request.handshake_at:
            request.exchange.phases_ms["tls"] = (request.sent_at - request.handshake_at) * 1000
        return connection

    def _make_socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        request = in_flight.get()
        try:
            self._destinations.check_address(request.target, ip_address(address[0]))
        except EgressError as error:
            request.refused = error
            raise Refused(error) from error
        request.exchange.address = str(address[0])
        request.socket_at, request.handshake_at = time.perf_counter(), 0.0
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


class TimedContext(ssl.SSLContext):
    """Notes when a TLS handshake begins, which is when the connection is there."""

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        request, made = in_flight.get(None), super().wrap_bio(*arguments, **named)
        if request is not None:
            request.handshake_at, request.tls = time.perf_counter(), made
        return made


def verifying_context() -> ssl.SSLContext:
    """Returns a context that checks certificates and names against the system's authorities.

    `SSL_CERT_FILE` adds to them.
    """
    context = TimedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
