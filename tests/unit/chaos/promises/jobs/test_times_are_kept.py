from __future__ import annotations

from tests.chaos.observations import Submitted
from tests.chaos.promises.jobs.times_are_kept import broken
from tests.unit.chaos.promises.story import BEGAN_AT, EVENTS, GOOD, event, good, job


def accepted(each: Submitted) -> bool:
    return each.job_ids == (GOOD,)


def test_a_start_before_the_time_is_found() -> None:
    story = good().change_event(2, job={"scheduled_at": BEGAN_AT + 3})
    assert story.said_by(broken) == [f"{GOOD} started 1.000 s before its scheduled_at"]


def test_another_time_than_asked_for_is_found() -> None:
    story = good().change(Submitted, {"scheduled_at": BEGAN_AT + 7}, accepted)
    assert story.said_by(broken)


def test_a_start_after_the_job_expired_is_found() -> None:
    story = good().change(Submitted, {"expires_in": 1}, accepted)
    assert story.said_by(broken) == []
    story.change_event(2, job={"started_at": BEGAN_AT + 50})
    assert story.said_by(broken) == [f"{GOOD} started 48.0 s after it had expired"]


def test_a_job_that_expired_too_early_or_without_reason_is_found() -> None:
    expired = event(2, "job.failed", job(GOOD, "failed", 2, attempt=0, error_code="job_expired"))
    story = good().only(EVENTS[0], expired)
    assert story.said_by(broken) == [f"{GOOD} expired, and was to have no limit"]
    story.change(Submitted, {"expires_in": 20}, accepted)
    assert story.said_by(broken) == [f"{GOOD} expired 18.000 s too early"]
    story.change(Submitted, {"expires_in": 2}, accepted)
    assert story.said_by(broken) == []
