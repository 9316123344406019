from __future__ import annotations

import pytest

from api.http.body_pace import BodyPace


@pytest.mark.parametrize("size", [10, 100, 10_000])
def test_a_body_may_take_any_time_at_the_least_rate(size: int) -> None:
    pace = BodyPace(patience_s=30, least_bytes_per_s=100)
    for _ in range(10_000):
        pace.arrived(size, size / 100)
        assert pace.left_s > 0


def test_a_body_below_the_least_rate_uses_up_its_time() -> None:
    pace, parts = BodyPace(patience_s=30, least_bytes_per_s=100), 0
    while pace.left_s > 0:
        pace.arrived(50, 1)
        parts += 1
    assert parts == 60


def test_bytes_that_came_early_buy_no_long_pause() -> None:
    pace = BodyPace(patience_s=30, least_bytes_per_s=100)
    pace.arrived(1_000_000, 0.1)
    assert pace.left_s == 30


def test_a_pause_that_is_too_long_ends_it_at_once() -> None:
    pace = BodyPace(patience_s=30, least_bytes_per_s=100)
    pace.arrived(1, 31)
    assert pace.left_s < 0
