from __future__ import annotations

from typing import Any

from tests.chaos.observations import Submitted
from tests.chaos.promises.requests.keys_make_one_job import broken
from tests.unit.chaos.promises.story import EVENTS, GOOD, Story, event, good, job


def again(story: Story, **members: Any) -> Story:
    """Sends the submission with the key once more."""
    known = {
        "route": "jobs",
        "status": 202,
        "job_ids": (GOOD,),
        "replayed": True,
        "content": "c",
        "key": "k1",
    }
    return story.add(Submitted, 50, **{"nonce": "nonce-acme-1", "expected": (), **known, **members})


def test_the_same_key_gives_the_same_job() -> None:
    assert again(good()).said_by(broken) == []


def test_a_second_job_of_a_key_is_found() -> None:
    assert again(good(), job_ids=("job_X",)).said_by(broken, final=False)


def test_other_content_that_is_accepted_is_found() -> None:
    assert again(good(), content="other").said_by(broken, final=False)


def test_an_answer_that_calls_an_old_job_new_is_found() -> None:
    assert again(good(), replayed=False).said_by(broken, final=False)


def test_a_new_key_that_gives_an_old_job_is_found() -> None:
    assert again(good(), key="k9").said_by(broken, final=False) == [
        "k9 was new, and gave a job that was there"
    ]


def test_a_refusal_without_reason_is_found() -> None:
    refused = {"status": 422, "code": "idempotency_key_reused", "job_ids": (), "replayed": False}
    assert again(good(), **refused).said_by(broken, final=False)
    assert again(good(), content="other", **refused).said_by(broken) == []


def test_what_must_be_refused_and_is_accepted_is_found() -> None:
    assert good().change(Submitted, {"must_refuse": True}, lambda each: each.status == 202).said_by(broken)


def test_a_refused_submission_that_made_a_job_is_found() -> None:
    refused = {"status": 422, "code": "invalid_input", "job_ids": (), "replayed": False}
    for key in ("k1", None):
        story = good().change(Submitted, {**refused, "key": key}, lambda each: each.status is None)
        story.change(
            Submitted, {**refused, "key": key}, lambda each: each.status == 202 and each.route == "jobs"
        )
        assert "nonce-acme-1 of acme made 1 jobs, of 0 at most" in story.said_by(broken)


def test_a_submission_that_made_two_jobs_is_found() -> None:
    second = event(13, "job.queued", job("job_X", nonce="nonce-acme-1"))
    assert "nonce-acme-1 of acme made 2 jobs, of 1 at most" in good().only(*EVENTS, second).said_by(broken)


def test_jobs_without_a_name_come_from_requests_without_an_answer() -> None:
    story = good().only(*EVENTS, event(13, "job.queued", job("job_X", nonce=None)))
    assert story.said_by(broken) == ["1 jobs of acme come from 0 requests without an answer"]
    story.add(
        Submitted, 50, route="pdf", status=None, nonce="nonce-acme-9", content="x", key=None, expected=()
    )
    assert story.said_by(broken) == []


def test_a_retry_makes_one_job() -> None:
    retried = [
        event(13, "job.queued", job("job_X", retry_of=GOOD)),
        event(14, "job.queued", job("job_Y", retry_of=GOOD)),
    ]
    retry = {"route": "retry", "retry_of": GOOD, "status": 202, "nonce": "nonce-acme-1", "content": "r"}
    story = good().only(*EVENTS, *retried)
    for key, job_id in (("r1", "job_X"), (None, "job_Y")):
        story.add(Submitted, 50, key=key, job_ids=(job_id,), expected=(), **retry)
    assert story.said_by(broken) == []
    story.drop(Submitted, lambda each: each.key == "r1")
    assert story.said_by(broken) == [f"a retry of {GOOD} of acme made 2 jobs, of 1 at most"]
