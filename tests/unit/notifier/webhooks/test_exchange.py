from __future__ import annotations

import json

import pytest

from notifier.webhooks.exchange import ANSWER_BYTES, Exchange

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("exchange", "outcome"),
    [
        (Exchange(status=200), "succeeded"),
        (Exchange(status=500, error="http_status"), "failed"),
        (Exchange(status=410, error="http_status"), "gone"),
        (Exchange(error="timeout"), "failed"),
        (Exchange(error="dns_failed", is_fault=True), "fault"),
    ],
)
def test_the_outcome_follows_from_error_status_and_fault(exchange: Exchange, outcome: str) -> None:
    assert exchange.outcome == outcome


def test_a_record_tells_time_phases_and_the_first_bytes_of_the_answer() -> None:
    exchange = Exchange(
        status=500, error="http_status", answer=b"\xff" + b"x" * 5000, phases_ms={"connect": 1.26}
    )
    record = json.loads(exchange.record(NOW_MS, 3))
    assert record["at"] == "2026-01-01T00:00:00.000Z"
    assert record["phases_ms"] == {
        "queue": 3,
        "dns": None,
        "connect": 1.3,
        "tls": None,
        "first_byte": None,
        "body": None,
    }
    assert record["answer"] == "\ufffd" + "x" * (ANSWER_BYTES - 1)


def test_a_request_that_was_sent_again_is_recorded_with_the_one_before() -> None:
    first = Exchange(error="connection_closed", total_ms=250, is_sent=True)
    record = json.loads(Exchange(status=200, is_sent=True, unanswered=first).record(NOW_MS, 3))
    assert (record["at"], record["status"], record["phases_ms"]["queue"]) == (
        "2026-01-01T00:00:00.250Z",
        200,
        0,
    )
    before = record["unanswered"]
    assert (before["at"], before["error"], before["sent"]) == (
        "2026-01-01T00:00:00.000Z",
        "connection_closed",
        True,
    )
    assert before["phases_ms"]["queue"] == 3
