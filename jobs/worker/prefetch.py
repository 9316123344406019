"""Claims that a worker holds for its next free slots: a slot that is freed is filled without a round trip. Pure.

Held only while runs are short, and handed back when they turn out not to be: a job must never wait here for a long run
while another worker has nothing to do. A held job is still `queued`; its lease is renewed like that of a running one.
"""

from __future__ import annotations

import math
from collections import deque

from jobs.core.job import Claim
from jobs.worker.coalescing import OUTCOME_PATIENCE_S

SHORT_RUN_S = 0.25
"""Runs that take longer than this on average lose nothing by a round trip more."""
BRIEF_RUN_S = 0.08
"""The start of a run that takes no longer than this on average may wait for its outcome."""
LASTS_S = 0.24
"""For how long those held are to be enough. Others are claimed once half are left, with the next outcomes."""
MAX_PER_SLOT = 12
OF_COMPANY = 2
"""How many runs must end while an outcome waits for it to be worth it."""
HOLD_S = 1.0
"""A claim held for longer is handed back."""

_NEW_RUN_WEIGHT = 0.2


class Prefetch:
    """One claim for each slot, or as many as begin within 240 milliseconds. Times are seconds of a monotonic clock."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._held: deque[tuple[Claim, float]] = deque()
        self._average_run_s: float | None = None

    @property
    def claims(self) -> list[Claim]:
        """Those held, the next first."""
        return [claim for claim, _ in self._held]

    @property
    def room(self) -> int:
        """How many more to claim, once half is missing; none before the first run has shown how long runs are."""
        if self._average_run_s is None or self._average_run_s > SHORT_RUN_S:
            return 0
        enough = self._slots * max(1, min(MAX_PER_SLOT, math.ceil(LASTS_S / self._average_run_s)))
        missing = enough - len(self._held)
        return missing if missing * 2 >= enough else 0

    @property
    def has_company(self) -> bool:
        """Whether several runs end within the time that an outcome may wait for others."""
        return (
            self._average_run_s is not None
            and self._average_run_s / self._slots * OF_COMPANY <= OUTCOME_PATIENCE_S
        )

    @property
    def runs_are_brief(self) -> bool:
        """Whether a run is likely to have ended before anybody misses its start."""
        return self._average_run_s is not None and self._average_run_s <= BRIEF_RUN_S

    def ran(self, seconds: float) -> None:
        """A run has occupied a slot for so long."""
        if self._average_run_s is None:
            self._average_run_s = seconds
        self._average_run_s += _NEW_RUN_WEIGHT * (seconds - self._average_run_s)

    def put(self, claim: Claim, now: float) -> None:
        self._held.append((claim, now))

    def take(self) -> Claim | None:
        """The next one to run, where there is one."""
        return self._held.popleft()[0] if self._held else None

    def drop(self, claim: Claim) -> None:
        """This claim, if it is here, is not current any more."""
        self._held = deque(held for held in self._held if held[0] is not claim)

    def overdue(self, now: float) -> list[Claim]:
        """Takes out what is to be handed back because the runs before it take so long."""
        late = [claim for claim, since in self._held if now - since > HOLD_S]
        for claim in late:
            self.drop(claim)
            self.ran(HOLD_S)
        return late

    def empty(self) -> list[Claim]:
        """Takes out everything."""
        held = self.claims
        self._held.clear()
        return held
