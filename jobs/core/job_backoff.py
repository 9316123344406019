"""When a failed attempt of a job runs again. (Webhooks: `notifier.webhooks.retry_schedule`.)"""

from __future__ import annotations

BASE_MS = 2_000
CAP_MS = 10 * 60_000


def backoff_ms(attempt: int, jitter: float) -> int:
    """Returns the milliseconds to wait after failed attempt number `attempt` (1, 2, …).

    Doubles from two seconds up to ten minutes. Half of it is certain, the other half is scaled by
    `jitter` (0 ≤ jitter < 1), so that jobs that failed together do not come back together.
    """
    if attempt < 1:
        raise ValueError(f"attempt must be 1 or more, not {attempt}")
    full = min(CAP_MS, BASE_MS * 2 ** min(attempt - 1, 30))
    return int(full / 2 + full / 2 * jitter)
