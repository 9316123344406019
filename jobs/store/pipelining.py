"""Pipelining: calls made at the same time share a round trip, and a disk flush if there is one.

An idle process sends each call at once, a busy one together what was called in the meantime.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from jobs.monitoring.store import StoreMetrics
from jobs.store.connection import Command, DedicatedConnection

MAX_BATCH = 128


class Pipeliner:
    """Sends commands to the store in batches, which run in order, not as a transaction."""

    def __init__(self, *connections: DedicatedConnection, metrics: StoreMetrics | None = None) -> None:
        """With two, the store works on one batch while this process reads or writes another."""
        self._free = list(connections)
        self._metrics = metrics
        self._waiting: deque[tuple[Command, asyncio.Future[Any]]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    async def call(self, *command: Any) -> Any:
        """Returns the answer to `command`. Raises what redis-py raises for it."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if len(self._waiting) == 1:
            self._send_soon()
        return await answer

    def _send_soon(self) -> None:
        """Sends what waits in the next turn of the event loop, or when a connection is free."""
        if self._free:
            task = asyncio.create_task(self._send_batches(self._free.pop()))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _send_batches(self, connection: DedicatedConnection) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
                if self._waiting:
                    self._send_soon()
                await self._send(connection, batch)
        finally:
            self._free.append(connection)

    async def _send(
        self, connection: DedicatedConnection, batch: list[tuple[Command, asyncio.Future[Any]]]
    ) -> None:
        began_s = time.perf_counter()
        try:
            answers = await connection.ask(*(command for command, _ in batch))
        except Exception as error:  # noqa: BLE001 (raised for every caller)
            answers = [error] * len(batch)
            if self._metrics is not None:
                self._metrics.failed()
        else:
            if self._metrics is not None:
                self._metrics.round_trip(time.perf_counter() - began_s, len(batch))
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
