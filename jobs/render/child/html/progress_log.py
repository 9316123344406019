"""Derives the progress of a render from the steps that WeasyPrint logs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

_LOGGER = logging.getLogger("weasyprint.progress")

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
"""Layout counts as half done after this many pages, because their final number is not known."""


class Step(NamedTuple):
    percent: int
    stage: str
    page: int | None


Emit = Callable[[Step], None]


class ProgressLog(logging.Handler):
    """Turns the log messages of one render into calls of `emit`. Percent and page never go back."""

    def __init__(self, emit: Emit) -> None:
        super().__init__(logging.INFO)
        self._emit = emit
        self._percent = 0
        self._page: int | None = None

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
        self._emit(Step(self._percent, stage, self._page))


def _layout_percent(page: int) -> int:
    return _LAYOUT_FROM + (_LAYOUT_TO - _LAYOUT_FROM) * page // (page + _PAGES_AT_HALF)
