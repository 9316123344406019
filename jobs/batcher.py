"""Calls that are made at the same time share a round trip, and with `appendfsync always` a disk flush.

An idle process sends each call at once; a busy one sends what has gathered while earlier batches were under way. A
*patient* call, for which a moment more or less means nothing, lets up to 40 milliseconds pass for others to go with.
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
        self._under_way: set[asyncio.Task[None]] = set()
        self._flush_due: asyncio.Handle | None = None
        self._urgent = False

    async def call(self, *command: Any, patient: bool = False) -> Any:
        """The answer to `command`. Raises what redis-py raises for it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((command, answer))
        if self._urgent:
            pass  # what is waiting goes soon, and this with it
        elif patient:
            self._flush_due = self._flush_due or loop.call_later(PATIENCE_S, self._flush)
        else:
            self.hurry()
        return await answer

    def hurry(self) -> None:
        """Whatever waits is sent after this turn of the event loop."""
        if self._urgent or not self._waiting:
            return
        self._urgent = True
        if self._flush_due is not None:
            self._flush_due.cancel()
        self._flush_due = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = None
        while self._waiting and self._free:
            batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            task = asyncio.create_task(self._send(self._free.pop(), batch))
            self._under_way.add(task)
            task.add_done_callback(self._sent)
        self._urgent = bool(self._waiting)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._urgent and self._flush_due is None:
            self._flush()

    async def _send(self, line: Line, batch: list[tuple[Command, asyncio.Future[Any]]]) -> None:
        try:
            answers = await line.ask(*(command for command, _ in batch))
        except Exception as error:  # noqa: BLE001 (it belongs to those who wait)
            answers = [error] * len(batch)
        finally:
            self._free.append(line)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
