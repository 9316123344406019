"""Decides which expired leases are lost. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from jobs.store.queue import ExpiredLease


class LeaseWatch:
    """Counts a lease as lost when it was seen expired twice over an unbroken connection.

    The two times must be a lease apart. After an outage of the store every lease has expired, while
    every worker is alive; one that renews within another lease keeps its jobs. Times are monotonic.
    """

    def __init__(self, lease_ms: int) -> None:
        self._lease_ms = lease_ms
        self._first_seen: dict[ExpiredLease, float] = {}

    def observe(self, expired: Iterable[ExpiredLease], now_ms: float) -> None:
        """Notes the leases that one look found expired."""
        self._first_seen = {lease: self._first_seen.get(lease, now_ms) for lease in expired}

    def lost(self, now_ms: float) -> list[ExpiredLease]:
        """Returns the leases to take back now."""
        return [lease for lease, seen in self._first_seen.items() if now_ms - seen >= self._lease_ms]

    def interrupted(self) -> None:
        """Forgets all observations: over a broken connection they prove nothing."""
        self._first_seen.clear()
