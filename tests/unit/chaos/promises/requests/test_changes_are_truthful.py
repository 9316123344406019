from __future__ import annotations

from tests.chaos.observations import Changed, JobRead, Listed
from tests.chaos.promises.requests.changes_are_truthful import broken
from tests.unit.chaos.promises.story import EVENTS, GOOD, ONE, UNWANTED, event, good, job


def test_a_cancelled_job_that_ends_otherwise_is_found() -> None:
    story = good().add(Changed, 1.5, action="cancel", subject=GOOD)
    assert story.said_by(broken, final=False) == [
        f"{GOOD} was cancelled, says the answer, and has the event job.succeeded"
    ]


def test_a_cancel_after_the_end_is_found() -> None:
    story = good().add(Changed, 99.5, action="cancel", subject=UNWANTED)
    assert story.said_by(broken) == []
    story.add(JobRead, 98.0, how="get", job_id=UNWANTED, job=job(UNWANTED, "cancelled", 2))
    assert f"{UNWANTED} had ended, and was cancelled after that" in story.said_by(broken)


def test_an_answer_that_says_too_early_that_a_job_has_ended_is_found() -> None:
    refused = {"status": 409, "code": "already_finished"}
    assert good().add(Changed, action="cancel", subject=GOOD, **refused).said_by(broken) == []
    assert good().add(Changed, 1.5, action="cancel", subject=GOOD, **refused).said_by(broken)
    never = good().only(*EVENTS[:2], EVENTS[10], EVENTS[11])
    assert never.add(Changed, action="cancel", subject=GOOD, **refused).said_by(broken) == []  # a hole
    never = good().only(*EVENTS[:2])
    assert never.add(Changed, action="cancel", subject=GOOD, **refused).said_by(broken)


def test_a_cancelled_batch_has_ended() -> None:
    assert good().add(Changed, action="cancel_batch", subject="bat_B").said_by(broken) == []
    assert f"{ONE} had ended, says the answer to cancel_batch, and has not" in (
        good().only(*EVENTS[:3]).add(Changed, action="cancel_batch", subject="bat_B").said_by(broken)
    )


def test_a_cancellation_that_nobody_asked_for_is_found() -> None:
    story = good().drop(Changed, lambda each: each.action == "cancel")
    assert story.said_by(broken) == [f"{UNWANTED} was cancelled, and nobody asked for it"]


def test_a_result_that_expires_by_itself_is_found() -> None:
    expired = event(13, "job.expired", job(GOOD, "succeeded", 4))
    story = good().only(*EVENTS, expired)
    assert story.said_by(broken) == [f"the result of {GOOD} expired, and nobody deleted it"]
    story.add(Changed, action="delete", subject=GOOD, status=204)
    assert story.said_by(broken) == []


def test_a_deletion_without_its_event_is_found() -> None:
    story = good().add(Changed, 99.9, action="delete", subject=GOOD, status=204)
    assert story.said_by(broken) == [f"{GOOD} was deleted, and its result expired 0 times"]


def test_a_deletion_that_is_refused_without_reason_is_found() -> None:
    refused = {"action": "delete", "status": 409, "code": "not_finished"}
    assert good().add(Changed, subject=GOOD, **refused).said_by(broken)
    assert good().add(Changed, 5, subject=GOOD, **refused).said_by(broken) == []


def test_a_job_that_is_there_after_a_deletion_found_none_is_found() -> None:
    story = good().add(Changed, 50.0, action="delete", subject=GOOD, status=404)
    story.add(JobRead, how="get", job_id=GOOD)
    assert f"{GOOD} was deleted, and is there again" in story.said_by(broken, final=False)


def test_a_deleted_job_that_comes_back_is_found() -> None:
    assert good().add(JobRead, how="get", job_id=UNWANTED).said_by(broken, final=False)
    listed = {"filters": {}, "jobs": ((UNWANTED, "cancelled", 2),)}
    assert good().add(Listed, **listed).said_by(broken, final=False)
