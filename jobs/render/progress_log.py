"""How far WeasyPrint is, from its own log of steps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOGGER = logging.getLogger("weasyprint.progress")
MIN_INTERVAL_SECONDS = 0.2

_STEPS = {
    "Step 2": ("styles", 5),
    "Step 3": ("styles", 10),
    "Step 4": ("layout", 15),
    "Step 5": ("layout", 20),
} | {
    "Step 6": ("pdf", 85),
    "Step 7": ("pdf", 92),
}
_LAYOUT_FROM, _LAYOUT_TO = 20, 85
_PAGES_AT_HALF = 25
"""Nobody knows how many pages there will be: after this many, layout counts as half done."""

Emit = Callable[[int, str, int | None], None]


class ProgressLog(logging.Handler):
    """Turns the log lines of one render into calls of `emit` with percent, stage and page.

    Percent never falls. That layout begins, where most time goes, is told at once, all else at most a few times a
    second: a small document says one thing.
    """

    def __init__(self, emit: Emit, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.INFO)
        self._emit = emit
        self._clock = clock
        self._percent = 0
        self._stage = ""
        self._page: int | None = None
        self._told_at = clock()

    @contextmanager
    def following(self) -> Iterator[None]:
        _LOGGER.setLevel(logging.INFO)
        _LOGGER.addHandler(self)
        try:
            yield
        finally:
            _LOGGER.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        template = str(record.msg)
        step = _STEPS.get(template[:6])
        if step is None:
            return
        stage, percent = step
        if " - Page %d" in template and isinstance(record.args, tuple) and isinstance(record.args[0], int):
            self._page = max(self._page or 0, record.args[0])
            percent = _layout_percent(self._page)
        self._percent = max(self._percent, percent)
        now = self._clock()
        layout_begins = stage == "layout" != self._stage
        self._stage = stage
        if layout_begins or now - self._told_at >= MIN_INTERVAL_SECONDS:
            self._told_at = now
            self._emit(self._percent, stage, self._page)


def _layout_percent(page: int) -> int:
    return _LAYOUT_FROM + (_LAYOUT_TO - _LAYOUT_FROM) * page // (page + _PAGES_AT_HALF)
