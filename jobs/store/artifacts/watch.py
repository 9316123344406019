"""Finds out whether the artifact store takes anything, and says when that changes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import structlog

from jobs.core.errors.store import ArtifactsUnavailable, StoreError, StoreFull
from jobs.core.ids import new_ulid
from jobs.process.disk_room import MIN_FREE_BYTES, has_room
from jobs.store.artifacts import Artifacts
from jobs.store.artifacts.object import refused

log = structlog.get_logger(__name__)

_SAMPLE = bytes(4096)
"""One block of a disk: an empty file needs none."""
_SCRATCH_BYTES = 1024**2
"""Less than any font needs. Most documents need nothing, so a small disk for them is no fault."""
_ANSWER_SECONDS = 5.0
"""A network disk that is away lets a write wait for ever."""


async def check_writable(artifacts: Artifacts) -> None:
    """Writes and removes a small artifact, and looks for room for more.

    Raises:
        ArtifactsUnavailable, StoreFull: it takes nothing, or next to nothing.
        StoreUnavailable: the store is away, and the artifacts are in it.
    """
    path = f".check/{new_ulid()}"  # no tenant has this name
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await artifacts.put(path, _SAMPLE)
            await artifacts.discard([path])
            free = await artifacts.free_bytes()
    except TimeoutError:
        raise refused(f"does not answer within {_ANSWER_SECONDS:g} s") from None
    if free is not None and free < MIN_FREE_BYTES:
        raise refused(f"is nearly full: {free:,} bytes are free")


class ArtifactWatch:
    """What this process knows of the artifact store, and of its own disk for temporary files."""

    def __init__(self, artifacts: Artifacts, scratch: Path | None = None) -> None:
        """`scratch` is where temporary files are written, if this process needs any."""
        self._artifacts = artifacts
        self._scratch = scratch
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self.refusal: StoreError | None = None
        """Why it takes nothing; None while it does."""

    async def look(self, max_age_s: float = 0.0) -> StoreError | None:
        """Tries to write, unless somebody did within `max_age_s`; returns `refusal`.

        One line of the log says that it takes nothing, and one that it does again.
        """
        async with self._looking:
            if time.monotonic() - self._looked_at >= max_age_s:
                await self._look()
                self._looked_at = time.monotonic()
        return self.refusal

    async def check_scratch(self) -> None:
        """Raises ArtifactsUnavailable if there is next to no room for temporary files."""
        try:
            if self._scratch is None or has_room(self._scratch, _SCRATCH_BYTES):
                return
            reason = "is full"
        except OSError as error:
            reason = f"cannot be used ({error.strerror})"
        raise ArtifactsUnavailable(
            f"The disk for temporary files (TMPDIR) of a worker {reason}. "
            "Work goes on as soon as there is room."
        )

    async def _look(self) -> None:
        before = self.refusal
        try:
            await self.check_scratch()
            await check_writable(self._artifacts)
        except (ArtifactsUnavailable, StoreFull) as error:
            self.refusal = error
            if before is None:
                log.error("artifacts.refused", reason=str(error), cause=repr(error.__cause__))
        except StoreError:
            return  # nobody knows; that the store is away is said elsewhere
        else:
            self.refusal = None
            if before is not None:
                log.info("artifacts.accepted_again")
