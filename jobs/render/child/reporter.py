"""Reports the progress of a render by a timer, so that a fast render reports nothing.

Each report wakes the worker, which takes processor time from the renders.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from jobs.render.child.html.progress_log import Emit, Step

INTERVAL_S = 0.2


class Reporter:
    """Sends the latest step of the current render, if it is new. Use it in the main thread only."""

    def __init__(self, send: Emit) -> None:
        self._send = send
        self._latest: Step | None = None
        self._following = False
        signal.signal(signal.SIGALRM, self._tick)
        signal.siginterrupt(signal.SIGALRM, False)  # system calls of libraries continue after a tick

    @contextmanager
    def reporting(self) -> Iterator[Callable[[Step], None]]:
        """Yields a function that takes the steps of one render; they are sent inside only."""
        self._latest, self._following = None, True
        signal.setitimer(signal.ITIMER_REAL, INTERVAL_S, INTERVAL_S)
        try:
            yield self._note
        finally:
            self._following = False  # a tick may still arrive
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _note(self, step: Step) -> None:
        self._latest = step

    def _tick(self, _signal: int, _frame: FrameType | None) -> None:
        if self._following and self._latest is not None:
            step, self._latest = self._latest, None
            self._send(step)
