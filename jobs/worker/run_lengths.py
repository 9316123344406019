"""How long runs take on average, and what that allows. Pure."""

from __future__ import annotations

from jobs.worker.timing import WorkerTiming


class RunLengths:
    """The moving average of recent runs. Before the first run, no answer is yes."""

    def __init__(self, slots: int, timing: WorkerTiming) -> None:
        self._slots = slots
        self._timing = timing
        self.average_s = float("inf")

    def add(self, seconds: float) -> None:
        """Notes that a run has occupied a slot for this long."""
        if self.average_s == float("inf"):
            self.average_s = seconds
        self.average_s += self._timing.new_run_weight * (seconds - self.average_s)

    @property
    def are_short(self) -> bool:
        """Whether a round trip between two runs is worth avoiding."""
        return self.average_s <= self._timing.short_run_s

    @property
    def fit_into_a_flush(self) -> bool:
        """Whether a run is likely to end before its waiting start is written."""
        return self.average_s <= self._timing.flush_after_s

    @property
    def share_flushes(self) -> bool:
        """Whether at least two runs are likely to end while an outcome waits."""
        return 2 * self.average_s <= self._slots * self._timing.flush_after_s
