"""Counts the open connections of a server process by the address of the client. No I/O."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from enum import Enum, auto
from functools import lru_cache

REFUSALS_ANSWERED = 64
"""How many connections above a limit are told so at the same time. Further ones are just closed."""

_IPV6_CLIENT_BITS = 64
"""One client has all addresses of such a network, so they count as one."""


class Admission(Enum):
    ADMITTED = auto()
    ADDRESS_FULL = auto()
    """The address has as many connections as it may have."""
    PROCESS_FULL = auto()
    FLOOD = auto()
    """There are so many refused ones that no answer is due."""


@lru_cache(maxsize=4096)
def client_of(address: str) -> tuple[str, bool]:
    """Returns under what name an address is counted, and whether it is public."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            network = ipaddress.ip_network((ip, _IPV6_CLIENT_BITS), strict=False)
            return str(network), ip.is_global
        ip = ip.ipv4_mapped
    return str(ip), ip.is_global


def is_one_client(address: str) -> bool:
    """Whether connections from `address` are counted together.

    Those from private networks and from this machine are not: they are those of a reverse proxy
    more often than not, with all its clients behind one address.
    """
    return client_of(address)[1]


class ClientConnections:
    """Admits connections: at most `per_address` for each address, and `in_all` for the process.

    Each call of `enter` needs one of `leave`, whatever it returned: a refused connection is open,
    too, while it is answered.
    """

    def __init__(
        self, per_address: int, in_all: int, is_one_client: Callable[[str], bool] = is_one_client
    ) -> None:
        self._per_address = per_address
        self._in_all = in_all
        self._is_one_client = is_one_client
        self._by_client: dict[str, int] = {}
        self._open = 0

    @property
    def open(self) -> int:
        """How many are open, refused ones included."""
        return self._open

    def enter(self, address: str) -> Admission:
        self._open += 1
        above, refusal = self._open - self._in_all, Admission.PROCESS_FULL
        if self._is_one_client(address):
            client = client_of(address)[0]
            self._by_client[client] = of_client = self._by_client.get(client, 0) + 1
            if of_client - self._per_address > above:
                above, refusal = of_client - self._per_address, Admission.ADDRESS_FULL
        if above <= 0:
            return Admission.ADMITTED
        return refusal if above <= REFUSALS_ANSWERED else Admission.FLOOD

    def leave(self, address: str) -> None:
        self._open -= 1
        if self._is_one_client(address):
            client = client_of(address)[0]
            left = self._by_client.pop(client) - 1
            if left:
                self._by_client[client] = left
