"""When a failed attempt of a job runs again. (Webhooks: `notifier.webhooks.retry_schedule`.)"""

from __future__ import annotations

BASE_MS = 2_000
CAP_MS = 10 * 60_000
LONGEST_RETRY_AFTER_MS = 60 * 60_000
"""A server that asks for more is tried again after an hour, and may ask again."""
_RETRY_AFTER_JITTER = 0.1
"""Up to this share is added, because a busy server tells many jobs the same time."""


def backoff_ms(attempt: int, jitter: float, retry_after_s: int | None = None) -> int:
    """Returns the milliseconds to wait after failed attempt number `attempt` (1, 2, …).

    Doubles from two seconds up to ten minutes. Half of it is certain, the other half is scaled by
    `jitter` (0 ≤ jitter < 1), so that jobs that failed together do not come back together.

    `retry_after_s` is what a server has asked for. It can only make the wait longer.
    """
    if attempt < 1:
        raise ValueError(f"attempt must be 1 or more, not {attempt}")
    full = min(CAP_MS, BASE_MS * 2 ** min(attempt - 1, 30))
    asked = min((retry_after_s or 0) * 1000, LONGEST_RETRY_AFTER_MS)
    return int(max(full / 2 + full / 2 * jitter, asked * (1 + _RETRY_AFTER_JITTER * jitter)))
