from __future__ import annotations

import datetime
from typing import Any

import pytest

from api.schemas import JobRequest
from api.submission import Submissions, retry_of
from jobs.egress import EgressPolicy
from jobs.errors import InvalidInput
from jobs.job import Job, Priority, Submission
from jobs.kinds import Runner
from jobs.webhooks.destination import Destinations

NOW = 1_750_000_000.0


class Echo:
    name = "echo"

    def canonical(self, input: Any, options: Any) -> dict[str, Any]:
        if "bad" in input:
            raise InvalidInput("No.", [{"pointer": "/input/bad", "message": "no"}])
        return {"input": input, "options": options}

    def runner(self, pool: Any) -> Runner:
        raise NotImplementedError


SUBMISSIONS = Submissions({"echo": Echo()}, 60, Destinations(EgressPolicy()))


def make(key: str | None = "key", **members: Any) -> Submission:
    request = JobRequest.model_validate({"kind": "echo", "input": {"b": 1, "a": "ü"}, **members})
    return SUBMISSIONS.of_request(request, "acme", key, NOW)


def at(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(NOW + seconds, datetime.UTC).isoformat()


def test_the_spec_is_canonical_json() -> None:
    assert make().spec == '{"input":{"a":"ü","b":1},"options":{}}'.encode()


def test_what_is_left_out_has_its_default() -> None:
    job = make(None)
    assert (job.priority, job.max_attempts, job.timeout_ms, job.scheduled_at_ms) == (
        Priority.NORMAL,
        3,
        None,
        None,
    )
    assert (job.idempotency_key, job.content_digest) == (None, "")


def test_durations_become_milliseconds() -> None:
    job = make(timeout_seconds=5, expires_in_seconds=7, scheduled_at=at(1.5))
    assert (job.timeout_ms, job.expires_in_ms) == (5000, 7000)
    assert job.scheduled_at_ms == 1_750_000_001_500


def test_the_same_content_has_the_same_digest_in_any_spelling() -> None:
    assert make(metadata={"x": 1, "y": 2}).content_digest == make(metadata={"y": 2, "x": 1}).content_digest
    assert (
        make(scheduled_at="2026-01-31T12:00:00Z").content_digest
        == make(scheduled_at="2026-01-31T13:00:00+01:00").content_digest
    )


@pytest.mark.parametrize(
    "members",
    [
        {"input": {"b": 2}},
        {"options": {"x": 1}},
        {"priority": "low"},
        {"scheduled_at": at(60)},
        {"expires_in_seconds": 60},
        {"max_attempts": 4},
        {"timeout_seconds": 4},
        {"metadata": {"x": 1}},
        {"tags": ["x"]},
    ],
)
def test_other_content_has_another_digest(members: dict[str, Any]) -> None:
    assert make(**members).content_digest != make().content_digest


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"kind": "nope"}, "/kind"),
        ({"input": {"bad": 1}}, "/input/bad"),
        ({"timeout_seconds": 61}, "/timeout_seconds"),
        ({"scheduled_at": at(367 * 86400)}, "/scheduled_at"),
        ({"scheduled_at": at(60), "expires_in_seconds": 60}, "/expires_in_seconds"),
    ],
)
def test_what_could_never_run_is_refused_at_once(members: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make(**members)
    assert caught.value.extra["errors"][0]["pointer"] == pointer


def test_a_retry_says_what_it_repeats() -> None:
    document = {
        "id": "job_1",
        "kind": "echo",
        "status": "failed",
        "priority": "high",
        "max_attempts": 2,
        "metadata": {"a": 1},
        "tags": ["x"],
        "batch_id": "batch_1",
    }
    again = retry_of(Job(document, "acme"), b"{}", "key")
    assert again.job_id != "job_1"
    assert (again.retry_of, again.tenant, again.kind, again.spec) == ("job_1", "acme", "echo", b"{}")
    assert (again.priority, again.max_attempts, again.tags) == (Priority.HIGH, 2, ("x",))
    assert again.batch_id is None
    assert again.content_digest
