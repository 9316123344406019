"""Signals that components send so that tests can wait for a moment inside them.

A component calls `emit`; in production nobody watches, and it costs one attribute check. A test
calls `watch` before the moment and awaits `next` after it, instead of sleeping or reading private
members. (River, a job queue for Go, uses the same technique.)
"""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class TestSignal(Generic[T]):
    """One named moment, with a value that says what happened. For one event loop."""

    __test__ = False  # pytest takes classes named Test… for test cases

    def __init__(self) -> None:
        self._values: asyncio.Queue[T] | None = None

    def emit(self, value: T) -> None:
        """Keeps `value` for the test that watches, if one does."""
        if self._values is not None:
            self._values.put_nowait(value)

    def watch(self) -> None:
        """Starts to keep values, and forgets those of an earlier watch."""
        self._values = asyncio.Queue()

    async def next(self, timeout_s: float = 30) -> T:
        """Returns the oldest value not returned yet; waits for one. Raises TimeoutError."""
        if self._values is None:
            raise RuntimeError("Call watch() before the code under test runs, then next().")
        async with asyncio.timeout(timeout_s):
            return await self._values.get()

    def emitted(self) -> list[T]:
        """Returns the values that were not returned yet, without waiting."""
        values: list[T] = []
        while self._values is not None and not self._values.empty():
            values.append(self._values.get_nowait())
        return values
