"""Loopback ports for servers of a test."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

_given: set[int] = set()


def free_port() -> int:
    """A loopback port that nobody listens on now, and that no other call was given: its server may not be up yet."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port that refuses connections, on every address of this machine, and that nobody else can take meanwhile."""
    with socket.socket() as held:
        held.bind(("", 0))  # and never listens
        yield int(held.getsockname()[1])
