"""Counts the round trips of a process to the store."""

from __future__ import annotations

from prometheus_client.registry import CollectorRegistry

from jobs.monitoring.instruments import Counter, Histogram


class StoreMetrics:
    """Atomic steps only: all writes are such steps, and most reads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            registry,
            "pressrun_store_round_trip_seconds",
            "Round trips to the store with atomic steps, until their answers.",
        )
        self._steps = Counter(
            registry,
            "pressrun_store_steps_total",
            "Atomic steps that were sent. Several may share a round trip.",
        )
        self._failures = Counter(
            registry,
            "pressrun_store_round_trip_failures_total",
            "Round trips to the store without an answer.",
        )

    def round_trip(self, seconds: float, steps: int) -> None:
        self._seconds.observe(seconds)
        self._steps.add(number=steps)

    def failed(self) -> None:
        self._failures.add()
