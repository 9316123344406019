from __future__ import annotations

import json

import pytest

from jobs.core.events import Event
from notifier.protocol.frames import BadFrame, Error, EventFrame, ProgressFrame, Welcome, parse
from testsupport.sample_events import make_event, make_job, make_progress


def test_members_that_are_not_set_are_left_out() -> None:
    assert json.loads(Error(code="forbidden", message="No.").encode()) == {
        "type": "error",
        "code": "forbidden",
        "message": "No.",
    }


def test_a_wrong_frame_is_answered_in_our_words_only() -> None:
    with pytest.raises(BadFrame, match=r"^a job needs no cursor"):
        parse('{"type": "subscribe", "id": 1, "job_id": "job_01J00000000000000000000000", "after": "a.1"}')


def test_a_request_id_of_zero_is_repeated() -> None:
    assert json.loads(Welcome(reply_to=0, ping_interval=25, expires_at="now").encode())["reply_to"] == 0


def test_an_event_is_encoded_once_for_all_subscriptions_with_the_same_id() -> None:
    frame = EventFrame.of(make_event(make_job(), 2))

    assert frame.encode("s1") is frame.encode("s1")
    assert json.loads(frame.encode("s2"))["subscription"] == "s2"


def test_progress_is_encoded_once_for_all_subscriptions_with_the_same_id() -> None:
    frame = ProgressFrame(make_progress(make_job(), 10))

    assert frame.encode("s1") is frame.encode("s1")
    assert json.loads(frame.encode("s2"))["subscription"] == "s2"


def test_an_event_from_the_log_is_the_same_as_the_live_one() -> None:
    live = make_event(make_job(), 3)

    logged = EventFrame.from_body(live.body)

    assert logged.encode("s1") == EventFrame.of(live).encode("s1")
    assert (logged.version, logged.is_terminal) == (3, True)


def test_only_the_last_transition_is_terminal() -> None:
    types = ("job.queued", "job.succeeded", "job.failed", "job.cancelled", "job.expired", "batch.completed")

    terminal = [
        name for name in types if EventFrame.of(Event("acme", 1, name, "job_1", 1, b"{}")).is_terminal
    ]

    assert terminal == ["job.succeeded", "job.failed", "job.cancelled"]
