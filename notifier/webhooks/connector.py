"""Connections to receivers: each goes to an address that was judged, and its phases are timed.

`aiohttp` resolves and connects in the task of the request, so the request's `InFlightRequest` is found through
a context variable, by the resolver as well as by what makes the sockets.
"""

from __future__ import annotations

import socket
import ssl
import time
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from jobs.core.egress import EgressError, Target
from jobs.webhooks.destination import Destinations
from notifier.webhooks.exchange import Exchange

if TYPE_CHECKING:
    from aiohttp.connector import Connection

MAX_TRIED_ADDRESSES = 8
KEEPALIVE_S = 30.0
DNS_CACHE_S = 10


@dataclass(slots=True)
class InFlightRequest:
    """One request on its way to its receiver."""

    target: Target
    exchange: Exchange
    refused: EgressError | None = None
    """Set where the policy stopped a connection, whatever error that became further up."""
    socket_at: float = 0.0
    handshake_at: float = 0.0
    tls: ssl.SSLObject | None = None
    sent_at: float = 0.0


class Refused(OSError):
    """The policy's no, as the kind of error that aiohttp expects from a resolver or a socket."""

    def __init__(self, reason: EgressError) -> None:
        super().__init__(str(reason))
        self.reason = reason


in_flight: ContextVar[InFlightRequest] = ContextVar("in_flight")


class JudgingResolver(AbstractResolver):
    """Resolves with `Destinations`; a host with one address that is refused has none."""

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations

    # aiohttp shares one lookup among requests that wait for the same host: errors carry all there is to say.
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        here, begun = in_flight.get(), time.perf_counter()
        try:
            addresses = await self._destinations.resolve(here.target)
        except EgressError as error:
            raise Refused(error) from error
        here.exchange.dns_ms = (time.perf_counter() - begun) * 1000
        here.exchange.addresses = [str(address) for address in addresses]
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
        """Nothing to close: `Destinations` is not ours."""


class JudgedConnector(aiohttp.TCPConnector):
    """Keeps connections per origin. Every socket is made for an address that is judged right then."""

    def __init__(self, destinations: Destinations, tls: ssl.SSLContext) -> None:
        self._destinations = destinations
        super().__init__(
            resolver=JudgingResolver(destinations),
            ssl=tls,
            limit=0,
            keepalive_timeout=KEEPALIVE_S,
            ttl_dns_cache=DNS_CACHE_S,
            socket_factory=self._make_socket,
        )

    # aiohttp's traces would tell the same, at a tenth of what a request costs.
    async def connect(self, *arguments: Any, **named: Any) -> Connection:
        """A connection, kept or new; the request is written right after this."""
        connection = await super().connect(*arguments, **named)
        here = in_flight.get()
        here.sent_at = time.perf_counter()
        here.exchange.is_reused = not here.socket_at
        if here.socket_at:
            connected_at = here.handshake_at or here.sent_at
            here.exchange.connect_ms = (connected_at - here.socket_at) * 1000
        if here.handshake_at:
            here.exchange.tls_ms = (here.sent_at - here.handshake_at) * 1000
        return connection

    def _make_socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        here = in_flight.get()
        try:
            self._destinations.check_address(here.target, ip_address(address[0]))
        except EgressError as error:
            here.refused = error
            raise Refused(error) from error
        here.exchange.address = str(address[0])
        here.socket_at = time.perf_counter()
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


class TimedContext(ssl.SSLContext):
    """Notes when a handshake begins (what comes before it is the connection itself) and what it is about."""

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        here, made = in_flight.get(None), super().wrap_bio(*arguments, **named)
        if here is not None:
            here.handshake_at, here.tls = time.perf_counter(), made
        return made


def verifying_context() -> ssl.SSLContext:
    """Certificates and names are checked against the system's authorities (`SSL_CERT_FILE` adds to them)."""
    context = TimedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
