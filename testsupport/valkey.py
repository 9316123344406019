"""Runs real Valkey servers, durable like the embedded one, each on a free loopback port."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from api.cli.local.embedded_valkey import EmbeddedValkey
from testsupport.ports import free_port


class FaultyValkey(EmbeddedValkey):
    """A server in which a test can cause faults. It listens on a port, as most stores do."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        super().__init__(directory, options={"bind": "127.0.0.1", "port": str(self.port), "unixsocket": ""})

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Inside the block the server keeps its connections and answers nothing.

        So does a machine that swaps, or a network that drops packets.
        """
        self.running.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.running.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kills the server before it can flush.

        `start` brings it back with all that it had acknowledged.
        """
        self.running.kill()
        self.running.wait()
        self.stop()

    def restart(self) -> None:
        """Shuts down in order and starts again, on the same port with the same data."""
        self.stop()
        self.start()


class ClockedValkey(FaultyValkey):
    """A server whose clock a test sets, by libfaketime."""

    def __init__(self, directory: Path, library: Path) -> None:
        super().__init__(directory)
        self._library = library
        self._offset = directory / "clock"

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.set_clock(0)
        environment = {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        with patch.dict(os.environ, environment):  # the server inherits it
            super().start()

    def set_clock(self, ahead_s: int) -> None:
        """Sets the clock this much ahead of the true time (behind, if negative)."""
        self._offset.write_text(f"{ahead_s:+d}\n")


def faketime_library() -> Path | None:
    """Finds libfaketime, which `scripts/setup` installs on Debian and Ubuntu."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
