"""Decides when a delivery is tried again. Pure: the caller gives time and chance."""

from __future__ import annotations

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

DELAYS_MS = (
    0,
    5 * SECOND_MS,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
)
"""The wait before each attempt: first for a restart of the receiver, then for outages of days.

`docs/webhooks.md` shows the same schedule.
"""
JITTER = 0.2
"""Up to this share of a delay is added, so that deliveries that failed together come back apart."""
LONGEST_RETRY_AFTER_MS = 24 * HOUR_MS
LONGEST_HOLD_MS = 10 * MINUTE_MS
"""The longest that `Retry-After` may keep other deliveries from the same receiver."""
FAULT_DELAYS_MS = (5 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS)
FAULTS_END_MS = 4 * DAY_MS
"""A fault on our side uses no attempt. This long after the first attempt, the delivery ends."""


def after_failure(attempt: int, retry_after_ms: int, chance: float) -> int | None:
    """Returns the milliseconds from failed attempt `attempt` (from 1) to the next; None: no more.

    `retry_after_ms` is what the receiver asked for (0: nothing); it can only make the wait longer.
    `chance` is a random number below 1.
    """
    if attempt >= len(DELAYS_MS):
        return None
    planned = DELAYS_MS[attempt] * (1 + JITTER * chance)
    return round(max(planned, min(retry_after_ms, LONGEST_RETRY_AFTER_MS)))


def after_fault(faults: int, age_ms: int, chance: float) -> int | None:
    """Returns the milliseconds from a fault on our side to the next try; None after four days.

    `faults` is how many came before it in a row.
    """
    if age_ms >= FAULTS_END_MS:
        return None
    return round(FAULT_DELAYS_MS[min(faults, len(FAULT_DELAYS_MS) - 1)] * (1 + JITTER * chance))
