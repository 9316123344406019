"""The worker's render children: always warm, one document each at a time, and one spare.

There is one child more than renders at a time, so that the place of a child that dies is taken at once while its
replacement warms up. A child that has grown old or fat is replaced only when its replacement is warm.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import deque
from collections.abc import Callable

import structlog

from jobs.core.errors.job import RendererCrashed
from jobs.core.job import Progress
from jobs.core.settings import Settings
from jobs.render.parent.child_process import RenderChild, RendererNotStarted, RenderOutcome
from jobs.render.parent.scratch import Scratch
from jobs.render.protocol.limits import RenderLimits
from jobs.render.protocol.messages import RenderRequest, Request

__all__ = ["RenderOutcome", "RenderPool", "RenderRequest", "RendererNotStarted"]

log = structlog.get_logger("pressrun.render")

_FIRST_RETRY_SECONDS = 0.5
_LAST_RETRY_SECONDS = 30.0


class RenderPool:
    """`size` renders at a time, each in a process that can be killed. Belongs to one event loop."""

    def __init__(self, *, size: int, limits: RenderLimits | None = None) -> None:
        self._size = size
        self._limits = limits or RenderLimits()
        self._scratch: Scratch
        self._idle: list[RenderChild] = []
        self._busy: set[RenderChild] = set()
        self._retiring: set[RenderChild] = set()
        """Spent; a replacement is warming up."""
        self._leaving: set[RenderChild] = set()
        """Spent and replaced, but busy."""
        self._waiting: deque[asyncio.Future[RenderChild]] = deque()
        self._replacements: set[asyncio.Task[None]] = set()
        self._starts = asyncio.Semaphore(max(1, os.cpu_count() or 1))
        self._burials: set[asyncio.Task[None]] = set()
        self._started = self._closed = False

    @classmethod
    def from_settings(cls, settings: Settings) -> RenderPool:
        return cls(size=settings.worker_slots, limits=RenderLimits.from_settings(settings))

    @property
    def free(self) -> int:
        """How many renders could begin at once."""
        return max(0, min(len(self._idle), self._size - len(self._busy)) - len(self._waiting))

    async def start(self) -> None:
        """Returns when all children and the spare are warm.

        Raises:
            RendererNotStarted: one could not be started; the others are gone again.
        """
        self._started = True
        self._scratch = Scratch()
        starts = [asyncio.create_task(self._start_child()) for _ in range(self._size + 1)]
        try:
            self._idle.extend(await asyncio.gather(*starts))
        except BaseException:
            await asyncio.gather(*starts, return_exceptions=True)
            self._idle += [task.result() for task in starts if not task.cancelled() and not task.exception()]
            await self.close()
            raise
        log.info("renderer.started", children=len(self._idle))

    async def close(self) -> None:
        """Kills every child, renders under way included, and waits until nothing of them is left."""
        if self._closed or not self._started:
            return
        self._closed = True
        for task in self._replacements:
            task.cancel()
        for waiter in self._waiting:
            waiter.cancel()
        await asyncio.gather(*self._replacements, return_exceptions=True)
        for child in [*self._idle, *self._busy]:
            child.kill()
        if self._burials:
            await asyncio.wait(self._burials)
        await self._scratch.close()

    async def render(
        self,
        request: Request,
        *,
        timeout_ms: int,
        report: Callable[[Progress], None],
    ) -> RenderOutcome:
        """Has a child do what `request` asks for. Cancelling kills the child at once.

        `timeout_ms` begins when a child has the document; waiting for a child is bounded by it too. The child is free
        for the next document as soon as its result has arrived, which is before this returns.

        Raises:
            RenderTimeout, RenderOutOfMemory, RendererCrashed, RenderFailed, ResultTooLarge, AssetForbidden,
            DocumentUnreachable, PdfUnreadable, PdfEncrypted, PageOutOfRange: see `jobs.core.errors`.
        """
        child = await self._take(timeout_ms)
        while not child.alive:  # it died after it was handed over, before this task went on
            child = await self._take(timeout_ms)
        future = child.render(request, timeout_ms=timeout_ms, report=report)
        try:
            return await future
        except asyncio.CancelledError:
            child.abandon(future)
            raise

    # --- who is free ----------------------------------------------------------------------------------------

    async def _take(self, timeout_ms: int) -> RenderChild:
        if self.free > 0:
            return self._occupy()
        waiter: asyncio.Future[RenderChild] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await waiter
        except BaseException as error:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.cancelled() and waiter.result() in self._busy:
                self.child_freed(waiter.result())  # it came, and nobody wants it any more
            if isinstance(error, TimeoutError):
                raise RendererCrashed(
                    "No render process was available in time. The job can be run again."
                ) from None
            raise

    def _occupy(self) -> RenderChild:
        child = self._idle.pop()  # the one used last: its caches are warm
        self._busy.add(child)
        return child

    def child_freed(self, child: RenderChild) -> None:
        self._busy.remove(child)
        self._idle.append(child)
        if child in self._leaving:
            child.kill()
        elif child.renders >= self._limits.recycle_renders:
            self._retire(child)
        self._settle()

    def child_grown(self, child: RenderChild) -> None:
        self._retire(child)

    def _retire(self, child: RenderChild) -> None:
        if child not in self._retiring and child not in self._leaving:
            self._retiring.add(child)
            self._replace(child)

    def _settle(self) -> None:
        """Hands free children to those who wait."""
        while self._waiting and self._idle and len(self._busy) < self._size:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(self._occupy())

    # --- replacing ------------------------------------------------------------------------------------------

    async def _start_child(self) -> RenderChild:
        async with self._starts:
            return await RenderChild.start(self._limits, self._scratch, self)

    def child_died(self, child: RenderChild) -> None:
        self._burials.add(child.burial)
        child.burial.add_done_callback(self._burials.discard)
        if child not in self._busy and child not in self._idle:
            return  # it never got as far as being one of ours
        self._busy.discard(child)
        if child in self._idle:
            self._idle.remove(child)
        if child in self._retiring or child in self._leaving:
            self._retiring.discard(child)
            self._leaving.discard(child)
        elif not self._closed:
            log.info("renderer.died", pid=child.pid, renders=child.renders)
            self._replace(None)
        self._settle()

    def _replace(self, old: RenderChild | None) -> None:
        task = asyncio.get_running_loop().create_task(self._bring_in(old))
        self._replacements.add(task)
        task.add_done_callback(self._replacements.discard)

    async def _bring_in(self, old: RenderChild | None) -> None:
        """Starts a child, however often it takes, and lets `old` go."""
        delay = _FIRST_RETRY_SECONDS
        while True:
            try:
                child = await self._start_child()
                break
            except RendererNotStarted as error:
                log.error("renderer.not_started", error=str(error), retry_in_seconds=delay)
                await asyncio.sleep(delay * random.uniform(0.75, 1.25))  # noqa: S311 (jitter)
                delay = min(delay * 2, _LAST_RETRY_SECONDS)
        self._idle.append(child)
        if old is not None and old in self._retiring:
            self._retiring.remove(old)
            self._leaving.add(old)
            if old in self._idle:
                old.kill()
        self._settle()
