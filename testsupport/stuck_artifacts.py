"""A place for artifacts that a test can make slow or broken."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jobs.core.errors.store import StoreUnavailable
from jobs.store.artifacts.directory import DirectoryArtifacts


class StuckArtifacts(DirectoryArtifacts):
    """Works until `close`; then holds back what is put until `open`, or refuses it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.tried = asyncio.Event()
        """Somebody has tried to put something while it was closed."""
        self._opened = asyncio.Event()
        self._opened.set()
        self._refuses = False
        self.puts = 0

    def close(self, *, refuses: bool = False) -> None:
        self._opened.clear()
        self._refuses = refuses

    def open(self) -> None:
        self._opened.set()

    async def put(self, path: str, body: bytes) -> None:
        self.puts += 1
        if not self._opened.is_set():
            self.tried.set()
            if self._refuses:
                raise StoreUnavailable("The bucket does not answer. Try again soon.")
            await self._opened.wait()
        await super().put(path, body)
