"""Asks the resolver of the system for the addresses of a host."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from jobs.core.egress import Address


def look_up(host: str, port: int) -> list[Address]:
    """Returns all addresses of `host`, each once, in the order to try them. Blocks.

    Raises:
        OSError: it does not resolve (`socket.gaierror`).
        UnicodeError: it is no host name.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
