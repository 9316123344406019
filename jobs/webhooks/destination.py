"""Decides where webhooks may go: the address policy of `jobs.core.egress`, and a bit more.

HTTPS with the usual ports may go to every globally routable address. Plain HTTP, other ports and
private addresses are only for what `PRESSRUN_EGRESS_ALLOW` lists. The same code checks at
registration, in tests and at every attempt.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, ip_address

import structlog

from jobs.core.egress import Address, AddressRefused, EgressError, EgressPolicy, Target, UrlRefused
from jobs.process.name_lookup import look_up

log = structlog.get_logger("pressrun.webhooks")

PORTS = frozenset({443, 8443})
"""Which ports of the public internet webhooks are sent to."""
RESOLVE_TIMEOUT_S = 5.0
LOOPBACK: tuple[Address, ...] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
"""What `localhost` and names below it mean, whatever a resolver says (RFC 6761 section 6.3)."""
_MAX_ADDRESSES = 64
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_TEMPORARY = {socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_MEMORY, getattr(socket, "EAI_SYSTEM", None)}


class ResolveFailed(OSError):
    """The host name gave no addresses.

    `is_ours`: the fault may be on our side (no answer, a broken resolver).
    """

    def __init__(self, host: str, reason: str, *, is_ours: bool) -> None:
        super().__init__(errno.EHOSTUNREACH, f"{host} could not be resolved: {reason}")
        self.is_ours = is_ours


Lookup = Callable[[str, int], list[Address]]
"""Takes a host name and a port; blocks, and raises as `socket.getaddrinfo` does."""


class Destinations:
    """Checks URLs and addresses, and resolves names in threads."""

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        lookup: Lookup = look_up,
        resolve_timeout_s: float = RESOLVE_TIMEOUT_S,
    ) -> None:
        self._policy = policy
        self._lookup = lookup
        self._resolve_timeout_s = resolve_timeout_s
        # Its own threads: a slow resolver must not take those that others need.
        self._threads = ThreadPoolExecutor(32, thread_name_prefix="resolve")

    def check_url(self, url: str) -> Target:
        """Takes `url` apart, and checks what can be checked without a resolver.

        Raises:
            UrlRefused: no webhook is sent to such a URL, even if its host resolves.
            AddressRefused: the address in it is not allowed.
        """
        target = self._policy.check_url(url)
        try:
            literal = ip_address(target.host)
        except ValueError:
            if _NUMBER.fullmatch(target.host.rpartition(".")[2]):
                raise UrlRefused(url, "its host is an odd spelling of an address") from None
            self._check_name(url, target)
            return target
        self.check_address(target, literal)
        return target

    def check_address(self, target: Target, address: Address) -> None:
        """Raises AddressRefused, or UrlRefused if only scheme or port are not allowed there."""
        try:
            self._policy.check_address(target.host, address)
        except AddressRefused as error:
            log.debug("webhook.address_refused", detail=error.detail)
            raise
        if self._policy.is_listed(target.host, address):
            return
        reason = _not_public(target)
        if reason is not None:
            url = f"{target.scheme}://{target.authority}"
            raise UrlRefused(url, f"{reason}, unless PRESSRUN_EGRESS_ALLOW lists the address")

    def _check_name(self, url: str, target: Target) -> None:
        """Checks a host name. If no networks are listed, none of its addresses can be allowed."""
        if target.host in self._policy.hosts:
            return
        if f".{target.host}".endswith(".localhost"):
            if not any(self._policy.is_listed(target.host, address) for address in LOOPBACK):
                self._policy.check_address(target.host, LOOPBACK[0])
            return
        reason = _not_public(target)
        if reason is not None and not self._policy.networks:
            raise UrlRefused(url, f"{reason}, unless PRESSRUN_EGRESS_ALLOW lists the host")

    async def resolve(self, target: Target) -> list[Address]:
        """Returns the addresses of the host. If one is refused, all are.

        Raises:
            ResolveFailed: there are none, or no answer within `resolve_timeout_s`.
            EgressError: see `check_address`.
        """
        loop = asyncio.get_running_loop()
        lookup = loop.run_in_executor(self._threads, self._lookup, target.host, target.port)
        try:
            async with asyncio.timeout(self._resolve_timeout_s):
                found = await lookup
        except TimeoutError:
            raise ResolveFailed(target.host, "no answer in time", is_ours=True) from None
        except socket.gaierror as error:
            is_ours = error.errno in _TEMPORARY
            raise ResolveFailed(target.host, error.strerror or str(error), is_ours=is_ours) from error
        except UnicodeError:
            raise ResolveFailed(target.host, "not a host name", is_ours=False) from None
        addresses = list(dict.fromkeys(found))[:_MAX_ADDRESSES]
        for address in addresses:
            self.check_address(target, address)
        return addresses

    async def check_registration(self, url: str) -> None:
        """Raises EgressError if no webhook may go to `url`; not if the resolver does not answer."""
        target = self.check_url(url)
        try:
            await self.resolve(target)
        except ResolveFailed as error:
            if not error.is_ours:
                raise EgressError(str(error.strerror)) from error

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _not_public(target: Target) -> str | None:
    """Returns why nothing is sent to `target` on the public internet; None if it may be."""
    if target.scheme != "https":
        return "webhooks are sent over https"
    if target.port not in PORTS:
        return f"webhooks go to the ports {', '.join(map(str, sorted(PORTS)))}"
    return None
