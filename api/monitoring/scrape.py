"""Answers scrapes: asks the store what only it knows, and returns all metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

from api.monitoring.metrics import Metrics
from api.monitoring.readiness import Readiness
from jobs.core.errors.store import StoreUnavailable
from jobs.monitoring.exposition import Page
from jobs.store.queue_depth import read_queue_depth
from jobs.store.scripts import Scripts
from jobs.webhooks.load import read_webhook_load

T = TypeVar("T")

_ANSWER_S = 2.0
"""How long a scrape waits for the store. Prometheus waits for ten seconds."""


class Scrape:
    """Reads counts and ends of sorted sets only: its cost does not grow with the queue."""

    def __init__(
        self,
        metrics: Metrics,
        readiness: Readiness,
        scripts: Scripts,
        kinds: Collection[str],
        compare_clocks: Callable[[], Awaitable[None]],
    ) -> None:
        """`compare_clocks` is called before each scrape."""
        self._metrics = metrics
        self._readiness = readiness
        self._scripts = scripts
        self._kinds = kinds
        self._compare_clocks = compare_clocks

    async def page(self, accept: str) -> Page:
        """Returns all metrics. Without the store, those that only it knows have no values."""
        depth, load, memory, artifacts, kept, _ = await asyncio.gather(
            _if_there(read_queue_depth(self._scripts, self._kinds)),
            _if_there(read_webhook_load(self._scripts)),
            _if_there(self._readiness.store_memory()),
            self._readiness.artifacts(),
            _if_there(self._readiness.kept_bytes()),
            _if_there(self._compare_clocks()),
        )
        self._metrics.queued(depth)
        self._metrics.webhooks(load)
        self._metrics.stored(memory)
        self._metrics.artifacts(artifacts.refusal is None, artifacts.free_bytes)
        self._metrics.kept(kept or {})
        return self._metrics.page(accept)


async def _if_there(answer: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(_ANSWER_S):
            return await answer
    except (StoreUnavailable, TimeoutError):
        return None
