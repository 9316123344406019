from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.observations import JobSeen, Progressed, Received, Subscribed, WasReset
from tests.chaos.promises.events.readers_miss_nothing import broken
from tests.unit.chaos.promises.story import EPOCH, EVENTS, GOOD, Story, event, good, job

ALL, ONE_JOB = "acme/websocket-1", f"acme/{GOOD}/1"


def of_all(sequence: int) -> Any:
    return lambda each: each.reader == ALL and each.sequence == sequence


def of_job(version: int) -> Any:
    return lambda each: each.reader == ONE_JOB and each.version == version


def reset(story: Story, **members: Any) -> Story:
    return story.add(WasReset, **{"reader": ALL, "reason": "retention", "cursor": f"{EPOCH}.12", **members})


def test_an_event_that_is_lost_is_found_at_once() -> None:
    story = good().drop(Received, of_all(5))
    assert story.said_by(broken, final=False) == [f"{ALL} got event {EPOCH}.6 after {EPOCH}.4"]


def test_an_event_that_comes_again_is_found() -> None:
    again = {"epoch": EPOCH, "sequence": 12, "id": EVENTS[11].id, "digest": EVENTS[11].digest}
    assert good().add(Received, reader=ALL, **again).said_by(broken) == [
        f"{ALL} got event 12 again, after 12"
    ]


def test_the_last_events_are_missed_when_the_run_is_over() -> None:
    story = good().drop(Received, of_all(12))
    assert story.said_by(broken, final=False) == []
    assert story.said_by(broken) == [f"{ALL} saw events up to {EPOCH}.11 of {EPOCH}.12"]


def test_an_event_with_another_content_is_found() -> None:
    assert good().change(Received, {"digest": "other"}, of_all(4)).said_by(broken)
    assert good().change(Received, {"digest": "other"}, of_job(2)).said_by(broken)


def test_a_cursor_beyond_what_was_received_is_found() -> None:
    story = good().drop(Received, of_all(12))
    story.add(Subscribed, reader=ALL, tenant="acme", after=f"{EPOCH}.12", cursor=f"{EPOCH}.12")
    assert story.said_by(broken) == [f"{ALL} was moved to {EPOCH}.12, and had seen the events up to 11"]


@pytest.mark.parametrize("reason", ["retention", "epoch"])
def test_a_reset_without_a_reason_is_found(reason: str) -> None:
    assert reset(good(), reason=reason).said_by(broken)
    assert reset(good(), reader=ONE_JOB, reason=reason, cursor=None, version=3).said_by(broken)


def test_a_reset_is_right_if_the_log_has_removed_events() -> None:
    story = good().only(*EVENTS[4:])
    for sequence in range(3, 13):
        story.drop(Received, of_all(sequence))
    assert reset(story).said_by(broken) == []
    assert reset(story, reader=ONE_JOB, cursor=None, version=3).said_by(broken) == []


def test_a_version_that_a_reader_of_one_job_misses_is_found() -> None:
    assert good().drop(Received, of_job(2)).said_by(broken) == [f"{ONE_JOB} got version 3 after 1"]


@pytest.mark.parametrize("snapshot", [job(GOOD, "running", 2), job(GOOD, "succeeded", 3, digest="other")])
def test_a_snapshot_that_is_older_or_differs_is_found(snapshot: JobSeen) -> None:
    members = {"tenant": "acme", "after": None, "job_id": GOOD, "snapshot": snapshot}
    assert good().add(Subscribed, reader=ONE_JOB, **members).said_by(broken)


def test_progress_that_goes_back_within_an_attempt_is_found() -> None:
    story = good().add(Progressed, 9.5, reader=ONE_JOB, job_id=GOOD, percent=20)
    assert story.said_by(broken) == [f"{ONE_JOB} saw {GOOD} go back from 40 to 20 %"]
    lost = [
        event(3, "job.queued", job(GOOD, "queued", 3, attempt=1)),
        event(4, "job.started", job(GOOD, "running", 4, attempt=2)),
        event(5, "job.succeeded", job(GOOD, "succeeded", 5, attempt=2)),
    ]
    assert not any("go back" in each for each in story.only(*EVENTS[:2], *lost).said_by(broken))
    assert good().change(Progressed, {"percent": 101}).said_by(broken)
