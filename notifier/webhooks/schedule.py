"""When a delivery is tried again (design, section 8). Pure: time and chance are the caller's."""

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
"""How long after the attempt before each attempt is made."""
JITTER = 0.2
"""Up to this part of a delay is added, so that what failed together does not come back together."""
LONGEST_RETRY_AFTER_MS = 24 * HOUR_MS
LONGEST_HOLD_MS = 10 * MINUTE_MS
"""How long `Retry-After` may keep other deliveries from the same receiver."""
FAULT_DELAYS_MS = (5 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS)
FAULTS_END_MS = 4 * DAY_MS
"""Faults on our side cost the receiver nothing, but end this long after the first attempt."""


def after_failure(attempt: int, retry_after_ms: int, chance: float) -> int | None:
    """Milliseconds from failed attempt number `attempt` (from 1) to the next; None after the last.

    `retry_after_ms` is what the receiver asked for (0: nothing); it can only make the wait longer. `chance` is a
    random number below 1.
    """
    if attempt >= len(DELAYS_MS):
        return None
    planned = DELAYS_MS[attempt] * (1 + JITTER * chance)
    return round(max(planned, min(retry_after_ms, LONGEST_RETRY_AFTER_MS)))


def after_fault(faults: int, age_ms: int, chance: float) -> int | None:
    """Milliseconds from a fault on our side, after `faults` others in a row, to the next try; None after 4 days."""
    if age_ms >= FAULTS_END_MS:
        return None
    return round(FAULT_DELAYS_MS[min(faults, len(FAULT_DELAYS_MS) - 1)] * (1 + JITTER * chance))


def hold_ms(retry_after_ms: int) -> int:
    """How long to leave a receiver alone that sent `Retry-After`."""
    return min(retry_after_ms, LONGEST_HOLD_MS)
