"""Calls that are made at the same time share a round trip, and with `appendfsync always` a disk flush.

An idle process sends each call at once; a busy one sends what has gathered while earlier batches were under way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from jobs.store.connection import Command, DedicatedConnection

MAX_BATCH = 128


class Pipeliner:
    """Sends commands to the store in batches. Those of one batch run in order, not as a transaction."""

    def __init__(self, *lines: DedicatedConnection) -> None:
        """With two, one batch is worked on by the store while the next is written and the one before is read."""
        self._free = list(lines)
        self._waiting: deque[tuple[Command, asyncio.Future[Any]]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    async def call(self, *command: Any) -> Any:
        """The answer to `command`. Raises what redis-py raises for it."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if len(self._waiting) == 1:
            self._use_free_line()
        return await answer

    def _use_free_line(self) -> None:
        """What waits goes with the next turn of the event loop, or of a line where none is free."""
        if self._free:
            task = asyncio.create_task(self._send_batches(self._free.pop()))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _send_batches(self, line: DedicatedConnection) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
                if self._waiting:
                    self._use_free_line()
                await _send(line, batch)
        finally:
            self._free.append(line)


async def _send(line: DedicatedConnection, batch: list[tuple[Command, asyncio.Future[Any]]]) -> None:
    try:
        answers = await line.ask(*(command for command, _ in batch))
    except Exception as error:  # noqa: BLE001 (it belongs to those who wait)
        answers = [error] * len(batch)
    for (_, future), answer in zip(batch, answers, strict=True):
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
