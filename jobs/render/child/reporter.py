"""When a render child says how far it is: by a timer, so that a document done sooner says nothing at all.

Each message wakes the worker, which takes the processor from whatever renders on it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from jobs.render.child.html.progress_log import Emit, Step

INTERVAL_S = 0.2


class Reporter:
    """Sends the latest step of the render under way, as long as there is a new one. For the main thread only."""

    def __init__(self, send: Emit) -> None:
        self._send = send
        self._latest: Step | None = None
        self._following = False
        signal.signal(signal.SIGALRM, self._tick)
        signal.siginterrupt(signal.SIGALRM, False)  # system calls of the libraries go on after a tick

    @contextmanager
    def reporting(self) -> Iterator[Callable[[Step], None]]:
        """What takes the steps; nothing is sent before or after."""
        self._latest, self._following = None, True
        signal.setitimer(signal.ITIMER_REAL, INTERVAL_S, INTERVAL_S)
        try:
            yield self._note
        finally:
            self._following = False  # a tick may be on its way still
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _note(self, step: Step) -> None:
        self._latest = step

    def _tick(self, _signal: int, _frame: FrameType | None) -> None:
        if self._following and self._latest is not None:
            step, self._latest = self._latest, None
            self._send(step)
