from __future__ import annotations

import pytest

from jobs.core.job_backoff import CAP_MS, LONGEST_RETRY_AFTER_MS, backoff_ms


def test_the_wait_doubles_up_to_ten_minutes() -> None:
    assert [backoff_ms(attempt, 0) for attempt in (1, 2, 3, 30)] == [1000, 2000, 4000, CAP_MS // 2]
    assert backoff_ms(1, 0.5) == 1500
    with pytest.raises(ValueError, match="1 or more"):
        backoff_ms(0, 0)


@pytest.mark.parametrize(
    ("retry_after_s", "jitter", "wait_ms"),
    [
        (None, 0, 1000),
        (0, 0, 1000),
        (120, 0, 120_000),
        (120, 0.5, 126_000),
        (86_400, 0, LONGEST_RETRY_AFTER_MS),
    ],
)
def test_a_server_can_only_ask_for_a_longer_wait_and_for_an_hour_at_most(
    retry_after_s: int | None, jitter: float, wait_ms: int
) -> None:
    assert backoff_ms(1, jitter, retry_after_s) == wait_ms
