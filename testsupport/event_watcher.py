"""Watches the events of all tenants, so that tests wait for an event instead of a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from arq.connections import ArqRedis

from jobs.core.events import Event
from jobs.store.events.epochs import Epochs
from jobs.store.events.event_tail import Tail
from testsupport.waiting import DEADLINE_S


class Watcher:
    """Collects the events of the bus and wakes tests that wait for them."""

    def __init__(self, redis: ArqRedis, epochs: Epochs | None) -> None:
        self.events: list[Event] = []
        self.gaps = 0
        self._changed = asyncio.Condition()
        self._tail = Tail(
            redis, on_event=self._seen, on_progress=lambda update: None, on_gap=self._gap, epochs=epochs
        )
        self._loop = asyncio.get_running_loop()

    def _seen(self, event: Event) -> None:
        self.events.append(event)
        self._loop.create_task(self._notify())

    def _gap(self) -> None:
        self.gaps += 1

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def wait_for(self, job_id: str, *types: str) -> Event:
        """Returns the first event of the job that has one of these types."""

        def found() -> list[Event]:
            return [event for event in self.events if event.job_id == job_id and event.type in types]

        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: bool(found()))
        return found()[0]

    async def terminal(self, job_id: str) -> Event:
        return await self.wait_for(job_id, "job.succeeded", "job.failed", "job.cancelled")

    @classmethod
    @asynccontextmanager
    async def following(cls, redis: ArqRedis, epochs: Epochs | None = None) -> AsyncIterator[Watcher]:
        watcher = cls(redis, epochs)
        task = asyncio.create_task(watcher._tail.run())
        await watcher._tail.ready.wait()
        try:
            yield watcher
        finally:
            task.cancel()
            await asyncio.wait([task])
