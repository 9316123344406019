"""Tells which addresses are those of this machine, public ones included."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

_ANYBODY = {4: "192.0.2.1", 6: "2001:db8::1"}
"""Addresses for documentation, which no machine has (RFC 5737, RFC 3849)."""
_DISCARD_PORT = 9


def is_own_address(address: IPv4Address | IPv6Address) -> bool:
    """Whether this machine has `address` now. Asks the system anew, because addresses change.

    An address that a router or cloud translates to one of this machine is not known here.
    """
    if not _binds(str(address), address.version):
        return False
    if not _binds(_ANYBODY[address.version], address.version):
        return True
    return _is_source(address)  # a system that lets programs bind to any address


def _binds(address: str, version: int) -> bool:
    try:
        with _datagram_socket(version) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _is_source(address: IPv4Address | IPv6Address) -> bool:
    """Whether the system would send from `address` to itself. Nothing is sent."""
    try:
        with _datagram_socket(address.version) as probe:
            probe.connect((str(address), _DISCARD_PORT))
            return ip_address(probe.getsockname()[0]) == address
    except OSError:
        return False


def _datagram_socket(version: int) -> socket.socket:
    return socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
