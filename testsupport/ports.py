"""Loopback ports for the servers of a test."""

from __future__ import annotations

import os
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FIRST_PORT, _PORTS_PER_WORKER, _WORKERS = 10_000, 2_000, 11
"""Below 32,768, where the system takes the near ends of connections from."""

_given: set[int] = set()
_held: list[socket.socket] = []


def free_port() -> int:
    """Returns a loopback port that nobody listens on, and that no other call was given.

    Test processes that pytest-xdist runs side by side get theirs from ranges of their own, because
    a server of another process may have been given a port and not listen yet.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    while True:
        port = _FIRST_PORT + worker * _PORTS_PER_WORKER + random.randrange(_PORTS_PER_WORKER)
        if port not in _given and _can_listen(port):
            _given.add(port)
            return port


def reserve(port: int) -> None:
    """Keeps everybody from being given the port while its server is down (Linux only).

    A server can listen on it all the same, if it sets SO_REUSEADDR, as all of ours do.
    """
    if sys.platform == "linux":  # elsewhere two sockets cannot be bound to one port
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
        _held.append(held)


def reserved_port() -> int:
    """A free port that stays reserved as long as this process lives."""
    port = free_port()
    reserve(port)
    return port


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port that refuses connections on every address, and that nobody else can take meanwhile."""
    with socket.socket() as held:
        held.bind(("", 0))  # and never listens
        yield int(held.getsockname()[1])
