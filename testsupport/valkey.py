"""Real Valkey servers for tests: durable like the embedded one, each on a free loopback port."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.cli.local.embedded_valkey import EmbeddedValkey
from testsupport.ports import free_port


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
