"""A pool of warm render children, each of which renders one document at a time, of one tenant only.

What a document has left in a child can reach later documents of the same tenant, and no others. A
tenant's child is kept for its next document, because its caches are warm. Beside these, there is
always a fresh child: for a tenant that has none, and in the place of a child that dies.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from prometheus_client.registry import CollectorRegistry

from jobs.core.errors.job import RendererCrashed, StorageFailed
from jobs.core.job import Progress
from jobs.core.settings import Settings
from jobs.monitoring.render_children import RenderChildMetrics
from jobs.render.parent.asset_fetcher import AssetFetcher
from jobs.render.parent.child_process import RenderChild, RenderOutcome
from jobs.render.parent.fork_server import child_starter
from jobs.render.parent.scratch import Scratch
from jobs.render.parent.starting import ChildStarter, RendererNotStarted
from jobs.render.protocol.limits import MIB, RenderLimits
from jobs.render.protocol.messages import RenderRequest, Request

__all__ = ["RenderOutcome", "RenderPool", "RenderRequest", "RendererNotStarted"]

log = structlog.get_logger("pressrun.render")

_FIRST_RETRY_SECONDS = 0.5
_LAST_RETRY_SECONDS = 30.0
"""Delays between attempts to start a child; each is twice the one before."""
_KEPT_PER_SLOT = 4
"""How many children with a tenant there are for each slot at most. A change of tenant costs the
processor time of two small invoices if it needs another child. On Linux, a child that has rendered
small documents has 16 MB of its own, so that four take no more than one that is a program."""
_KEPT_BYTES_PER_SLOT = 256 * MIB
"""Resident size of all idle children, for each slot, above which those are ended that were used
longest ago. On Linux, 60 MB of each are shared by all."""
_FRESH_CHILDREN = 1
"""How many children without a tenant there are, beside those that somebody waits for."""


@dataclass(frozen=True, slots=True)
class _Waiter:
    """A caller that waits for a child."""

    tenant: str
    child: asyncio.Future[RenderChild]


class RenderPool:
    """Renders `size` documents at a time, each in a process that can be killed.

    Use it from one event loop only.
    """

    def __init__(
        self,
        *,
        size: int,
        limits: RenderLimits | None = None,
        starter: ChildStarter | None = None,
        kept_bytes_per_slot: int = _KEPT_BYTES_PER_SLOT,
        metrics: RenderChildMetrics | None = None,
    ) -> None:
        self._size = size
        self._kept_bytes = kept_bytes_per_slot * size
        self._limits = limits or RenderLimits()
        self._starter = starter or child_starter(self._limits)
        self._metrics = metrics or RenderChildMetrics(CollectorRegistry())
        self._metrics.watch(lambda: self.children)
        self._fetcher = AssetFetcher(self._limits.fetch, isolation=self._limits.isolation)
        self._scratch: Scratch
        self._idle: list[RenderChild] = []
        """The one used last is at the end."""
        self._busy: set[RenderChild] = set()
        self._waiting: deque[_Waiter] = deque()
        self._starts: set[asyncio.Task[RenderChild]] = set()
        self._may_start = asyncio.Semaphore(max(1, os.cpu_count() or 1))
        self._cleanups: set[asyncio.Task[None]] = set()
        self._started = self._closed = False

    @classmethod
    def from_settings(cls, settings: Settings, metrics: RenderChildMetrics | None = None) -> RenderPool:
        return cls(size=settings.worker_slots, limits=RenderLimits.from_settings(settings), metrics=metrics)

    @property
    def free(self) -> int:
        """How many renders can begin, at once or when a child is forked."""
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
            asyncio.create_task(self._start_fresh(lambda error: error.passes)) for _ in range(self._size + 1)
        ]
        try:
            first, *_ = await asyncio.gather(*starts)
        except BaseException:
            for task in starts:
                task.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await self.close()
            raise
        isolation = first.isolation
        self._metrics.isolation.set(isolation.level)
        say = log.info if isolation.level == "full" else log.warning
        say("renderer.started", children=len(self._idle), isolation=str(isolation))

    async def close(self) -> None:
        """Kills every child, busy or not, and waits until they and their files are gone."""
        if self._closed or not self._started:
            return
        self._closed = True
        for task in self._starts:
            task.cancel()
        for waiter in self._waiting:
            waiter.child.cancel()
        await self._starter.close()
        await asyncio.gather(*self._starts, return_exceptions=True)
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
        tenant: str,
        timeout_ms: int,
        report: Callable[[Progress], None],
    ) -> RenderOutcome:
        """Has a child of `tenant` do what `request` asks for. Cancelling this kills it at once.

        `timeout_ms` counts from the moment a child has the document; waiting for a child may take
        as long again. The child is free for the next document when its result has arrived, which is
        before this call returns.

        Raises:
            RenderTimeout, RenderOutOfMemory, RendererCrashed, RenderFailed, ResultTooLarge,
            AssetForbidden, DocumentUnreachable, DocumentRefused, DocumentUnsupported,
            PdfUnreadable, PdfEncrypted, PageOutOfRange: see `jobs.core.errors`.
        """
        child = await self._take(tenant, timeout_ms)
        while not child.alive:  # it died after it was handed over, before this task went on
            child = await self._take(tenant, timeout_ms)
        try:
            future = child.render(request, timeout_ms=timeout_ms, report=report)
        except OSError as error:  # its directory could not be made; the child has seen nothing
            self.child_freed(child)
            raise StorageFailed(f"There was no room for temporary files ({error.strerror}).") from error
        try:
            return await future
        except asyncio.CancelledError:
            child.abandon(future)
            raise

    # --- taking and returning children ------------------------------------------------------------

    async def _take(self, tenant: str, timeout_ms: int) -> RenderChild:
        waiter = _Waiter(tenant, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._serve_waiting()
        if waiter.child.done():
            return waiter.child.result()
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await waiter.child
        except BaseException as error:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.child.cancelled() and waiter.child.result() in self._busy:
                self.child_freed(waiter.child.result())  # handed over to a caller that has given up
            if isinstance(error, TimeoutError):
                raise RendererCrashed(
                    "No render process was available in time. The job can be run again."
                ) from None
            raise

    def _serve_waiting(self) -> None:
        """Hands free children to the callers that wait for one, in order."""
        for waiter in list(self._waiting):
            if len(self._busy) >= self._size:
                break
            child = self._idle_child(waiter.tenant)
            if child is not None and not waiter.child.done():
                self._waiting.remove(waiter)
                self._idle.remove(child)
                self._busy.add(child)
                child.tenant = waiter.tenant
                waiter.child.set_result(child)
        self._balance()

    def _idle_child(self, tenant: str) -> RenderChild | None:
        """Returns the child that the tenant has used last, or a fresh one."""
        own = (child for child in reversed(self._idle) if child.tenant == tenant)
        fresh = (child for child in reversed(self._idle) if child.tenant is None)
        return next(own, None) or next(fresh, None)

    def child_freed(self, child: RenderChild) -> None:
        self._busy.remove(child)
        if child.is_worn:
            child.kill()
        else:
            self._idle.append(child)
        self._serve_waiting()

    def child_worn(self, child: RenderChild) -> None:
        if child in self._idle:
            self._end_idle(child)
            self._balance()

    def child_died(self, child: RenderChild) -> None:
        self._metrics.died(child.end_reason)
        self._cleanups.add(child.cleanup)
        child.cleanup.add_done_callback(self._cleanups.discard)
        if child not in self._busy and child not in self._idle:
            return  # it was ended here, or died before it was warm
        self._busy.discard(child)
        if child in self._idle:
            self._idle.remove(child)
        if not self._closed:
            log.info("renderer.died", pid=child.pid, renders=child.renders)
            self._serve_waiting()

    # --- how many there are -----------------------------------------------------------------------

    def _balance(self) -> None:
        """Ends children that have waited longest for their tenant, and starts fresh ones."""
        if self._closed:
            return
        used = [child for child in self._idle if child.tenant is not None]
        fresh = len(self._idle) - len(used)
        held_bytes = sum(child.resident_bytes for child in used)
        for place, child in enumerate(used):
            left = len(used) - place + len(self._busy)
            if left <= self._size or (left <= _KEPT_PER_SLOT * self._size and held_bytes <= self._kept_bytes):
                break
            held_bytes -= child.resident_bytes
            self._end_idle(child)
        wanted = _FRESH_CHILDREN + min(len(self._waiting), self._size - len(self._busy))
        for _ in range(wanted - fresh - len(self._starts)):
            task = asyncio.get_running_loop().create_task(self._start_fresh(lambda _: True))
            self._starts.add(task)
            task.add_done_callback(self._starts.discard)

    def _end_idle(self, child: RenderChild) -> None:
        self._idle.remove(child)
        child.kill()

    async def _start_fresh(self, try_again: Callable[[RendererNotStarted], bool]) -> RenderChild:
        child = await self._start_until_warm(try_again)
        self._metrics.started()
        self._idle.insert(0, child)
        self._serve_waiting()
        return child

    async def _start_child(self) -> RenderChild:
        async with self._may_start:
            return await RenderChild.start(self._limits, self._scratch, self._fetcher, self, self._starter)

    async def _start_until_warm(self, try_again: Callable[[RendererNotStarted], bool]) -> RenderChild:
        delay = _FIRST_RETRY_SECONDS
        while True:
            try:
                return await self._start_child()
            except RendererNotStarted as error:
                self._metrics.not_started()
                if not try_again(error):
                    raise
                log.error("renderer.not_started", error=str(error), retry_in_seconds=delay)
                await asyncio.sleep(delay * random.uniform(0.75, 1.25))  # noqa: S311 (jitter)
                delay = min(delay * 2, _LAST_RETRY_SECONDS)
