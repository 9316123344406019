"""A place for artifacts whose process dies while it writes."""

from __future__ import annotations

from jobs.store.artifacts import Artifacts


class Interrupted(Exception):
    """Simulates the death of the process."""


class DyingArtifacts:
    """Raises `Interrupted` before or after it writes."""

    def __init__(self, artifacts: Artifacts, after: bool) -> None:
        self._artifacts = artifacts
        self._after = after

    async def check_room(self) -> None:
        await self._artifacts.check_room()

    async def put(self, path: str, body: bytes) -> None:
        if self._after:
            await self._artifacts.put(path, body)
        raise Interrupted
