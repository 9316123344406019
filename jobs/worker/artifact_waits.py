"""Waits for an artifact store that is full, read-only or away, until a run must end.

What is true if that happens to a run:

1. Its input cannot be read, or its result cannot be written: it tries again, until the job's time
   is over. Then the attempt fails with `storage_failed`, and is repeated like any that failed.
2. Meanwhile the worker claims no more jobs: they stay in the queue, and use up no attempt.
3. The worker is asked to stop: it hands the job back, with no attempt used.
4. A part of the result may be left: it is noted as garbage with the step that ends the attempt.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from jobs.core.errors.job import StorageFailed
from jobs.core.errors.store import ArtifactsUnavailable, StoreError, StoreFull
from jobs.process.event_wait import is_set_within
from jobs.store.artifacts.watch import ArtifactWatch
from jobs.store.client import raise_if_cancelled
from jobs.worker.timing import WorkerTiming
from jobs.worker.until_stored import wait_for_store

log = structlog.get_logger(__name__)

T = TypeVar("T")


class HandBack(Exception):
    """The worker stops and the artifact store takes nothing, so the job goes back to the queue."""


class ArtifactWaits:
    """The waits of one worker."""

    def __init__(self, watch: ArtifactWatch, timing: WorkerTiming) -> None:
        self.watch = watch
        self._timing = timing
        self._stopping = asyncio.Event()
        self._tries: set[asyncio.Timeout] = set()

    async def stop(self) -> None:
        """Ends all waits, now and later, with HandBack: also tries that get no answer."""
        self._stopping.set()
        if self._tries and await self.watch.look() is not None:
            for each in self._tries:
                each.reschedule(0)

    async def until_done(self, what: str, step: Callable[[], Awaitable[T]], deadline: float) -> T:
        """Repeats a step on an artifact; one that is safe to repeat.

        `what` is the beginning of a message: "The result could not be written". `deadline` is a
        time of `time.monotonic`. The first try may take longer.

        Raises:
            StorageFailed: the artifact store refused it until the deadline.
            HandBack: it refused, and the worker stops.
        """
        is_first = True
        while True:
            raise_if_cancelled()
            try:
                return await self._try(step, deadline)
            except TimeoutError:
                reason = "The place for documents and results does not answer."
            except (ArtifactsUnavailable, StoreFull) as error:
                reason = str(error)
            except StoreError as error:
                # Without the store, no outcome can be written anyhow. So this wait has no end.
                await wait_for_store(error, self._timing)
                continue
            if self._stopping.is_set():
                raise HandBack
            await self.watch.look(max_age_s=self._timing.artifact_retry_s / 2)
            if is_first:
                log.warning("attempt.waiting_for_artifacts", reason=reason)
                is_first = False
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise StorageFailed(f"{what} before the time of the job was over. {reason}")
            if await is_set_within(self._stopping, min(left_s, self._timing.artifact_retry_s)):
                raise HandBack

    async def _try(self, step: Callable[[], Awaitable[T]], deadline: float) -> T:
        """Raises TimeoutError."""
        left_s = max(deadline - time.monotonic(), self._timing.artifact_try_s)
        async with asyncio.timeout(None if left_s == math.inf else left_s) as limit:
            self._tries.add(limit)
            try:
                return await step()
            finally:
                self._tries.discard(limit)
