"""A place for artifacts that a test can make slow or broken."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jobs.core.errors.store import ArtifactsUnavailable
from jobs.store.artifacts.directory import DirectoryArtifacts


class StuckArtifacts(DirectoryArtifacts):
    """Works until `close`; then puts wait for `open`, or whatever reads or writes is refused."""

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

    async def get(self, path: str) -> bytes:
        self.refuse_if_closed()
        return await super().get(path)

    async def put(self, path: str, body: bytes) -> None:
        self.puts += 1
        if not self._opened.is_set():
            self.tried.set()
            self.refuse_if_closed()
            await self._opened.wait()
        await super().put(path, body)

    def refuse_if_closed(self) -> None:
        if self._refuses and not self._opened.is_set():
            raise ArtifactsUnavailable("The bucket does not answer. Try again soon.")
