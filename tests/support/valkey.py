"""Real Valkey servers for tests: durable like the embedded one, each on a free loopback port."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.cli.local.embedded_valkey import EmbeddedValkey

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


class FaultyValkey(EmbeddedValkey):
    """A server whose faults a test can cause."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, free_port())

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It keeps its connections and answers nothing, as when a machine swaps or a network drops packets."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """It dies without a chance to flush. `start` brings it back with what it had acknowledged."""
        self.signal(signal.SIGKILL)
        self.wait()
        self.stop()

    def restart(self) -> None:
        """It shuts down in order and comes back, on the same port with the same data."""
        self.stop()
        self.start()
