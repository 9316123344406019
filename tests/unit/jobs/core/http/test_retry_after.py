from __future__ import annotations

import pytest

from jobs.core.http.retry_after import parse_retry_after

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("value", "asked_ms"),
    [
        (None, 0),
        ("120", 120_000),
        (" 7 ", 7_000),
        ("-1", 0),
        ("1.5", 0),
        ("soon", 0),
        ("", 0),
        ("9" * 400, 999_999_999_000),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60_000),
        ("Wed, 31 Dec 2025 23:59:00 GMT", 0),
        ("Thu, 99 Jan 2026 00:01:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, asked_ms: int) -> None:
    assert parse_retry_after(value, NOW_MS) == asked_ms
