"""Calls that are made at the same time share a round trip, and with `appendfsync always` a disk flush.

An idle process sends each call at once; a busy one sends what has gathered while earlier batches were under way. A
*patient* call, for which a moment more or less means nothing, lets up to 80 milliseconds pass for others to go with.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from jobs.company import PATIENCE_S
from jobs.line import Command, Line

MAX_BATCH = 128


class Batcher:
    """Sends commands to the store in batches. Those of one batch run in order, not as a transaction."""

    def __init__(self, *lines: Line) -> None:
        """With two, one batch is worked on by the store while the next is written and the one before is read."""
        self._free = list(lines)
        self._waiting: deque[tuple[Command, asyncio.Future[Any]]] = deque()
        self._urgent = False
        """What waits goes with the next turn of the event loop, or of a line where none is free."""
        self._patience: asyncio.TimerHandle | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def call(self, *command: Any, patient: bool = False) -> Any:
        """The answer to `command`. Raises what redis-py raises for it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((command, answer))
        if not patient:
            self.hurry()
        elif not self._urgent and self._patience is None:
            self._patience = loop.call_later(PATIENCE_S, self.hurry)
        return await answer

    def hurry(self) -> None:
        """Whatever waits is sent after this turn of the event loop."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._waiting and not self._urgent:
            self._urgent = True
            self._use_free_line()

    def _use_free_line(self) -> None:
        if self._free:
            task = asyncio.create_task(self._send_batches(self._free.pop()))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _send_batches(self, line: Line) -> None:
        try:
            while self._urgent:
                batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
                self._urgent = bool(self._waiting)
                if self._urgent:
                    self._use_free_line()
                await _send(line, batch)
        finally:
            self._free.append(line)


async def _send(line: Line, batch: list[tuple[Command, asyncio.Future[Any]]]) -> None:
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
