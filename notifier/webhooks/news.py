"""Whether news is to be expected: deliveries that somebody waits for, and that what can wait makes room for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

EXPECTED_S = 1.0
"""So long after this notifier has dispatched an event."""


class News:
    """What the dispatcher and the deliverer of one notifier know of each other."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._until = -math.inf

    def came(self) -> None:
        self._until = self._clock() + EXPECTED_S

    @property
    def is_expected(self) -> bool:
        return self._clock() < self._until
