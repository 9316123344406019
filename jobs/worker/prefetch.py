"""Holds claims for the next free slots of a worker, so that a freed slot needs no round trip. Pure.

Claims are held only while runs are short, and handed back when runs turn out to be long: no job may
wait here while another worker is idle, nor begin before that of a tenant whose turn it is now. The
job of a held claim is still `queued`, and its lease is renewed as any other.
"""

from __future__ import annotations

import math
from collections import deque

from jobs.core.job import Claim
from jobs.worker.run_lengths import RunLengths
from jobs.worker.timing import WorkerTiming


class Prefetch:
    """The held claims, first come, first served. Times are seconds of a monotonic clock."""

    def __init__(self, slots: int, runs: RunLengths, timing: WorkerTiming) -> None:
        self._slots = slots
        self._runs = runs
        self._timing = timing
        self._held: deque[tuple[Claim, float]] = deque()

    @property
    def claims(self) -> list[Claim]:
        """The next first."""
        return [claim for claim, _ in self._held]

    @property
    def room(self) -> int:
        """How many more to claim, once half of what lasts for `prefetch_for_s` is missing."""
        if not self._runs.are_short:
            return 0
        per_slot = math.ceil(self._timing.prefetch_for_s / self._runs.average_s)
        enough = self._slots * max(1, min(self._timing.max_prefetched_per_slot, per_slot))
        missing = enough - len(self._held)
        return missing if missing * 2 >= enough else 0

    def put(self, claim: Claim, now: float) -> None:
        self._held.append((claim, now))

    def take(self, now: float) -> Claim | None:
        """Removes and returns the next claim; None if there is none that may begin."""
        if not self._held or self._is_stale(self._held[0][1], now):
            return None
        return self._held.popleft()[0]

    def drop(self, claim: Claim) -> None:
        """Removes a claim that is not current any more, if it is held."""
        self._held = deque(held for held in self._held if held[0] is not claim)

    def take_stale(self, now: float) -> list[Claim]:
        """Removes and returns what may not begin: claims held for over `hold_s`, or all if runs are
        not short any more. A claim held for so long counts as a run of that length.
        """
        for _, since in list(self._held):
            if now - since > self._timing.hold_s:
                self._runs.add(self._timing.hold_s)
        stale = [claim for claim, since in self._held if self._is_stale(since, now)]
        for claim in stale:
            self.drop(claim)
        return stale

    def _is_stale(self, since: float, now: float) -> bool:
        return not self._runs.are_short or now - since > self._timing.hold_s

    def take_all(self) -> list[Claim]:
        """Removes and returns all claims."""
        held = self.claims
        self._held.clear()
        return held
