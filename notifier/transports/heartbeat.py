"""Calls a session's `tick` at its deadlines, with one timer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from notifier.protocol.session import Session

_LEAST_DELAY_S = 0.01
"""Keeps a small difference between the loop's clock and the session's from becoming a busy loop."""


class Heartbeat:
    """A session's timer. Starts at once; call `stop` when the connection is gone."""

    __slots__ = ("_clock", "_due", "_loop", "_session", "_timer")

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self._session = session
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf
        self.rearm()

    def receive(self, message: str | bytes) -> None:
        self._session.receive(message, self._clock())
        self.rearm()

    def rearm(self) -> None:
        """Moves the timer forward if the session's deadline is earlier now.

        If the deadline is later now, the timer notices when it fires.
        """
        deadline = self._session.deadline
        if deadline < self._due:
            self.stop()
            self._due = deadline
            self._timer = self._loop.call_later(max(deadline - self._clock(), _LEAST_DELAY_S), self._beat)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        self._timer, self._due = None, math.inf
        self._session.tick(self._clock())
        if self._session.closing is None:
            self.rearm()
