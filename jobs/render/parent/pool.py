"""A pool of warm render children, each of which renders one document at a time, and a spare.

There is one child more than renders at a time: it takes the place of a child that dies while a
replacement warms up. A child that has rendered enough documents, or that holds too much memory, is
killed only when its replacement is warm.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import structlog

from jobs.core.errors.job import RendererCrashed
from jobs.core.job import Progress
from jobs.core.settings import Settings
from jobs.render.parent.asset_fetcher import AssetFetcher
from jobs.render.parent.child_process import CHILD_COMMAND, RenderChild, RendererNotStarted, RenderOutcome
from jobs.render.parent.scratch import Scratch
from jobs.render.protocol.limits import RenderLimits
from jobs.render.protocol.messages import RenderRequest, Request

__all__ = ["RenderOutcome", "RenderPool", "RenderRequest", "RendererNotStarted"]

log = structlog.get_logger("pressrun.render")

_FIRST_RETRY_SECONDS = 0.5
_LAST_RETRY_SECONDS = 30.0
"""Delays between attempts to start a child; each is twice the one before."""


class RenderPool:
    """Renders `size` documents at a time, each in a process that can be killed.

    Use it from one event loop only.
    """

    def __init__(
        self,
        *,
        size: int,
        limits: RenderLimits | None = None,
        child_command: Sequence[str] = CHILD_COMMAND,
    ) -> None:
        self._size = size
        self._limits = limits or RenderLimits()
        self._child_command = child_command
        self._fetcher = AssetFetcher(self._limits.fetch, isolation=self._limits.isolation)
        self._scratch: Scratch
        self._idle: list[RenderChild] = []
        self._busy: set[RenderChild] = set()
        self._retiring: set[RenderChild] = set()
        """To be replaced, but the replacement is still warming up; idle or busy."""
        self._leaving: set[RenderChild] = set()
        """Replaced, but still busy."""
        self._waiting: deque[asyncio.Future[RenderChild]] = deque()
        self._replacements: set[asyncio.Task[None]] = set()
        self._starts = asyncio.Semaphore(max(1, os.cpu_count() or 1))
        self._cleanups: set[asyncio.Task[None]] = set()
        self._started = self._closed = False

    @classmethod
    def from_settings(cls, settings: Settings) -> RenderPool:
        return cls(size=settings.worker_slots, limits=RenderLimits.from_settings(settings))

    @property
    def free(self) -> int:
        """How many renders can begin at once."""
        return max(0, min(len(self._idle), self._size - len(self._busy)) - len(self._waiting))

    @property
    def children(self) -> Mapping[int, bool]:
        """The process id of each warm child, and whether it is rendering."""
        return {child.pid: False for child in self._idle} | {child.pid: True for child in self._busy}

    @property
    def fetch_process(self) -> int | None:
        """The process id of the process that fetches assets, once one was asked for."""
        return self._fetcher.pid

    async def start(self) -> None:
        """Starts the children and returns when all of them are warm.

        A start that fails for a reason that passes, such as a child that is killed, is repeated.

        Raises:
            RendererNotStarted: one cannot be started; the others were stopped.
        """
        self._started = True
        self._scratch = Scratch()
        starts = [
            asyncio.create_task(self._start_until_warm(lambda error: error.passes))
            for _ in range(self._size + 1)
        ]
        try:
            self._idle.extend(await asyncio.gather(*starts))
        except BaseException:
            for task in starts:
                task.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            self._idle += [task.result() for task in starts if not task.cancelled() and not task.exception()]
            await self.close()
            raise
        isolation = self._idle[0].isolation
        say = log.info if isolation.level == "full" else log.warning
        say("renderer.started", children=len(self._idle), isolation=str(isolation))

    async def close(self) -> None:
        """Kills every child, busy or not, and waits until they and their files are gone."""
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
        if self._cleanups:
            await asyncio.wait(self._cleanups)
        await self._fetcher.close()
        await self._scratch.close()

    async def render(
        self,
        request: Request,
        *,
        timeout_ms: int,
        report: Callable[[Progress], None],
    ) -> RenderOutcome:
        """Has a child do what `request` asks for. Cancelling this call kills the child at once.

        `timeout_ms` counts from the moment a child has the document; waiting for a child may take
        as long again. The child is free for the next document when its result has arrived, which is
        before this call returns.

        Raises:
            RenderTimeout, RenderOutOfMemory, RendererCrashed, RenderFailed, ResultTooLarge,
            AssetForbidden, DocumentUnreachable, PdfUnreadable, PdfEncrypted, PageOutOfRange: see
            `jobs.core.errors`.
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

    # --- taking and returning children ------------------------------------------------------------

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
                self.child_freed(waiter.result())  # a child was handed over, but the caller has given up
            if isinstance(error, TimeoutError):
                raise RendererCrashed(
                    "No render process was available in time. The job can be run again."
                ) from None
            raise

    def _occupy(self) -> RenderChild:
        child = self._idle.pop()  # the one used last, because its caches are warm
        self._busy.add(child)
        return child

    def child_freed(self, child: RenderChild) -> None:
        self._busy.remove(child)
        self._idle.append(child)
        if child in self._leaving:
            child.kill()
        elif child.renders >= self._limits.recycle_renders:
            self._retire(child)
        self._serve_waiting()

    def child_grown(self, child: RenderChild) -> None:
        self._retire(child)

    def _retire(self, child: RenderChild) -> None:
        if child not in self._retiring and child not in self._leaving:
            self._retiring.add(child)
            self._replace(child)

    def _serve_waiting(self) -> None:
        """Hands free children to the callers that wait for one, in order."""
        while self._waiting and self._idle and len(self._busy) < self._size:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(self._occupy())

    # --- replacing children -----------------------------------------------------------------------

    async def _start_child(self) -> RenderChild:
        async with self._starts:
            return await RenderChild.start(
                self._limits, self._scratch, self._fetcher, self, self._child_command
            )

    def child_died(self, child: RenderChild) -> None:
        self._cleanups.add(child.cleanup)
        child.cleanup.add_done_callback(self._cleanups.discard)
        if child not in self._busy and child not in self._idle:
            return  # it died before it was warm
        self._busy.discard(child)
        if child in self._idle:
            self._idle.remove(child)
        if child in self._retiring or child in self._leaving:
            self._retiring.discard(child)
            self._leaving.discard(child)
        elif not self._closed:
            log.info("renderer.died", pid=child.pid, renders=child.renders)
            self._replace(None)
        self._serve_waiting()

    def _replace(self, old: RenderChild | None) -> None:
        task = asyncio.get_running_loop().create_task(self._start_replacement(old))
        self._replacements.add(task)
        task.add_done_callback(self._replacements.discard)

    async def _start_replacement(self, old: RenderChild | None) -> None:
        """Starts a child, and then retires `old`."""
        self._idle.append(await self._start_until_warm(lambda _: True))
        if old is not None and old in self._retiring:
            self._retiring.remove(old)
            self._leaving.add(old)
            if old in self._idle:
                old.kill()
        self._serve_waiting()

    async def _start_until_warm(self, try_again: Callable[[RendererNotStarted], bool]) -> RenderChild:
        delay = _FIRST_RETRY_SECONDS
        while True:
            try:
                return await self._start_child()
            except RendererNotStarted as error:
                if not try_again(error):
                    raise
                log.error("renderer.not_started", error=str(error), retry_in_seconds=delay)
                await asyncio.sleep(delay * random.uniform(0.75, 1.25))  # noqa: S311 (jitter)
                delay = min(delay * 2, _LAST_RETRY_SECONDS)
