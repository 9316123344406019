from __future__ import annotations

import pytest

from notifier.webhooks import retry_schedule as schedule
from notifier.webhooks.retry_schedule import DAY_MS, DELAYS_MS, HOUR_MS, after_failure, after_fault


def test_ten_attempts_take_a_little_over_75_hours() -> None:
    delays = [after_failure(attempt, 0, 0.0) for attempt in range(1, 10)]
    assert delays == list(DELAYS_MS[1:])
    assert 75 * HOUR_MS < sum(DELAYS_MS) < 76 * HOUR_MS
    assert after_failure(10, 0, 0.0) is None


def test_jitter_only_makes_a_delay_longer_and_keeps_all_within_four_days() -> None:
    longest = [after_failure(attempt, 0, 0.999_999) or 0 for attempt in range(1, 10)]
    assert all(planned <= delay for planned, delay in zip(DELAYS_MS[1:], longest, strict=True))
    assert sum(longest) < schedule.FAULTS_END_MS


@pytest.mark.parametrize(
    ("asked", "given"), [(0, 5_000), (1_000, 5_000), (60_000, 60_000), (9 * DAY_MS, DAY_MS)]
)
def test_retry_after_makes_a_wait_longer_within_a_day(asked: int, given: int) -> None:
    assert after_failure(1, asked, 0.0) == given


def test_faults_are_tried_again_soon_and_end_after_four_days() -> None:
    assert [after_fault(n, 0, 0.0) for n in range(6)] == [5_000, 30_000, 120_000, 600_000, 600_000, 600_000]
    assert after_fault(3, 4 * DAY_MS - 1, 0.0) == 600_000
    assert after_fault(0, 4 * DAY_MS, 0.0) is None
