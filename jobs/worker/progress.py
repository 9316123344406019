"""Sends the progress of a run: the latest value, a few times a second, without blocking the run."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from jobs.core.errors.store import StoreError
from jobs.core.job import Claim, Progress
from jobs.store.client import raise_if_cancelled
from jobs.store.queue import JobQueue


class ProgressSender:
    """Sends the latest progress of one claim until it is closed, and drops what it cannot send."""

    def __init__(self, queue: JobQueue, claim: Claim, interval_s: float) -> None:
        self._queue = queue
        self._claim = claim
        self._interval_s = interval_s
        self._latest: Progress | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def report(self, progress: Progress) -> None:
        """Never blocks; a newer report replaces one that was not sent yet."""
        self._latest = progress
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while True:
            raise_if_cancelled()
            await self._changed.wait()
            await asyncio.sleep(self._interval_s)
            self._changed.clear()
            if self._latest is not None:
                with suppress(StoreError):
                    await self._queue.report(self._claim, self._latest)

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
