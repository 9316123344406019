"""When a failed attempt of a job runs again.

For webhooks, see `notifier.webhooks.retry_schedule`.
"""

from __future__ import annotations

BASE_MS = 2_000
CAP_MS = 10 * 60_000


def backoff_ms(attempt: int, jitter: float) -> int:
    """Returns the milliseconds to wait after failed attempt number `attempt` (1, 2, …).

    Doubles from two seconds up to ten minutes, then "equal jitter": half of it is certain, the
    other half is scaled by `jitter` (0 ≤ jitter < 1, from the caller's random source), so that jobs
    which failed together do not come back together and never come back at once.
    """
    if attempt < 1:
        raise ValueError(f"attempt must be 1 or more, not {attempt}")
    full = min(CAP_MS, BASE_MS * 2 ** min(attempt - 1, 30))
    return int(full / 2 + full / 2 * jitter)
