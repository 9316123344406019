"""News: deliveries that somebody waits for. What can wait lets them pass."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobs.process.event_wait import is_set_within

EXPECTED_S = 1.0
"""So long after some came there may be more."""
STAND_BACK_S = 0.01
"""So long what can wait stands back for news on its way: about as long as that may take, and not for ever."""


class News:
    """What the dispatcher and the deliverer of one notifier know of each other."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._until = -math.inf
        self._dispatching = self._taken = 0
        self._arrived, self._passed = asyncio.Event(), asyncio.Event()
        self.count = 0
        """How often some came."""
        self._look()

    @property
    def is_expected(self) -> bool:
        """Some came a short time ago."""
        return self._clock() < self._until

    @property
    def is_waiting(self) -> bool:
        """Some came and was not taken yet."""
        return self.count > self._taken

    @contextmanager
    def on_its_way(self) -> Iterator[None]:
        """An event was read, and perhaps somebody is owed it."""
        self._dispatching += 1
        self._look()
        try:
            yield
        finally:
            self._dispatching -= 1
            self._look()

    def came(self) -> None:
        """There is some to be claimed."""
        self.count += 1
        self._until = self._clock() + EXPECTED_S
        self._look()

    def taken(self, count: int) -> None:
        """What came up to this `count` is sent, or cannot be for now."""
        self._taken = count
        self._look()

    async def arrive(self) -> None:
        """Returns once some is waiting or none is on its way; at the latest after `STAND_BACK_S`."""
        await is_set_within(self._arrived, STAND_BACK_S)

    async def pass_by(self) -> None:
        """Returns once none is on its way and none is waiting; at the latest after `STAND_BACK_S`."""
        await is_set_within(self._passed, STAND_BACK_S)

    def _look(self) -> None:
        _tell(self._arrived, self.is_waiting or not self._dispatching)
        _tell(self._passed, not self.is_waiting and not self._dispatching)


def _tell(event: asyncio.Event, is_so: bool) -> None:
    if is_so:
        event.set()
    else:
        event.clear()
