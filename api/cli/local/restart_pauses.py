"""Decides how long to wait before a process that ended is started again."""

from __future__ import annotations

PAUSES_S = (0, 1, 2, 4, 8, 16, 30)
STEADY_S = 60.0
"""A process that ran this long has recovered from what ended it before."""


class RestartPauses:
    """The pauses of one process: none at first, then longer ones while it keeps ending soon."""

    def __init__(self) -> None:
        self._count = 0

    def next_s(self, ran_s: float) -> int:
        """Returns the seconds to wait, after a process that ran for `ran_s` seconds."""
        if ran_s >= STEADY_S:
            self._count = 0
        pause_s = PAUSES_S[min(self._count, len(PAUSES_S) - 1)]
        self._count += 1
        return pause_s


def starts_again(pause_s: int) -> str:
    return f"it starts again in {pause_s} s" if pause_s else "it starts again now"
