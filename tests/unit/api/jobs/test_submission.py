from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from api.contract.requests.batches import BatchRequest
from api.contract.requests.jobs import JobRequest
from api.jobs.submission import Submissions, retry_of
from jobs.core.egress import EgressPolicy
from jobs.core.errors.request import InvalidInput, JobNotFound
from jobs.core.job import BatchSubmission, Job, Priority, Submission
from jobs.kinds import Runner
from jobs.kinds.lookups import Lookups
from jobs.kinds.spec_secrets import SpecSecrets
from jobs.webhooks.destination import Destinations

NOW = 1_750_000_000.0
SECRETS = SpecSecrets(lambda: ["a-secret-of-thirty-two-characters"])


class Echo:
    name = "echo"

    def canonical(self, input: Any, options: Any) -> dict[str, Any]:
        if "bad" in input:
            raise InvalidInput("No.", [{"pointer": "/input/bad", "message": "no"}])
        return {"input": input, "options": options}

    def runner(self, pool: Any) -> Runner:
        raise NotImplementedError


class Version(Echo):
    """Pins the version of the job that its input refers to."""

    name = "version"

    async def pin(self, spec: dict[str, Any], lookups: Lookups) -> dict[str, Any]:
        if "job_id" not in spec["input"]:
            return spec
        try:
            job = await lookups.job(spec["input"]["job_id"])
        except JobNotFound as error:
            raise error.below("/input/job_id") from None
        return {**spec, "input": {**spec["input"], "version": job.version}}


class Confidential(Echo):
    """Takes a password."""

    name = "confidential"

    def canonical(self, input: Any, options: Any) -> dict[str, Any]:
        return {"input": {}, "options": options, "secrets": {"password": input["password"]}}


class OneJob:
    """The lookups of a tenant that has one job, ``known``, with this version."""

    def __init__(self, tenant: str, version: int) -> None:
        self._tenant = tenant
        self._version = version

    async def job(self, job_id: str) -> Job:
        if (self._tenant, job_id) != ("acme", "known"):
            raise JobNotFound(job_id)
        return Job({"version": self._version}, self._tenant)


def submissions(known_version: int = 1, secrets: SpecSecrets = SECRETS) -> Submissions:
    kinds = {kind.name: kind for kind in (Echo(), Version(), Confidential())}
    return Submissions(
        kinds, 60, Destinations(EgressPolicy()), lambda tenant: OneJob(tenant, known_version), secrets
    )


async def make(
    key: str | None = "key", *, known_version: int = 1, secrets: SpecSecrets = SECRETS, **members: Any
) -> Submission:
    request = JobRequest.model_validate({"kind": "echo", "input": {"b": 1, "a": "ü"}, **members})
    return await submissions(known_version, secrets).of_request(request, "acme", key, NOW)


async def make_batch(
    *jobs: dict[str, Any], key: str | None = "key", known_version: int = 1
) -> BatchSubmission:
    request = BatchRequest.model_validate({"jobs": list(jobs)})
    return await submissions(known_version).of_batch(request, "acme", key, NOW)


def at(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(NOW + seconds, datetime.UTC).isoformat()


async def test_the_spec_is_canonical_json() -> None:
    assert (await make()).spec == '{"input":{"a":"ü","b":1},"options":{}}'.encode()


async def test_omitted_members_have_their_defaults() -> None:
    job = await make(None)
    assert (job.priority, job.max_attempts, job.timeout_ms, job.scheduled_at_ms) == (
        Priority.NORMAL,
        3,
        None,
        None,
    )
    assert (job.idempotency_key, job.content_digest) == (None, "")


async def test_durations_become_milliseconds() -> None:
    job = await make(timeout_seconds=5, expires_in_seconds=7, scheduled_at=at(1.5))
    assert (job.timeout_ms, job.expires_in_ms) == (5000, 7000)
    assert job.scheduled_at_ms == 1_750_000_001_500


async def test_a_leap_second_is_the_second_that_follows() -> None:
    leap = await make(scheduled_at="2016-12-31T23:59:60.5Z")
    assert leap.scheduled_at_ms == 1_483_228_800_000
    assert leap.content_digest == (await make(scheduled_at="2017-01-01T00:00:00Z")).content_digest


async def test_the_same_content_has_the_same_digest_however_it_is_written() -> None:
    assert (await make(metadata={"x": 1, "y": 2})).content_digest == (
        await make(metadata={"y": 2, "x": 1})
    ).content_digest
    assert (await make(scheduled_at="2026-01-31T12:00:00Z")).content_digest == (
        await make(scheduled_at="2026-01-31T13:00:00+01:00")
    ).content_digest


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
async def test_different_content_has_a_different_digest(members: dict[str, Any]) -> None:
    assert (await make(**members)).content_digest != (await make()).content_digest


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
async def test_a_job_that_could_never_run_is_refused_at_once(members: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await make(**members)
    assert caught.value.extra["errors"][0]["pointer"] == pointer


def test_a_retry_names_the_job_that_it_repeats() -> None:
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


def referring(job_id: str) -> dict[str, Any]:
    return {"kind": "version", "input": {"job_id": job_id}}


async def test_references_of_a_job_are_pinned_and_do_not_change_its_digest() -> None:
    first = await make(known_version=1, **referring("known"))
    second = await make(known_version=2, **referring("known"))
    assert first.spec == b'{"input":{"job_id":"known","version":1},"options":{}}'
    assert second.spec == b'{"input":{"job_id":"known","version":2},"options":{}}'
    assert first.content_digest == second.content_digest != (await make(kind="version")).content_digest


async def test_references_of_a_batch_are_pinned_and_do_not_change_its_digest() -> None:
    first = await make_batch(referring("known"), known_version=1)
    second = await make_batch(referring("known"), known_version=2)
    assert (b'"version":1' in first.jobs[0].spec, b'"version":2' in second.jobs[0].spec) == (True, True)
    assert first.jobs[0].batch_id == first.batch_id
    assert first.content_digest == second.content_digest


def with_password(password: str) -> dict[str, Any]:
    return {"kind": "confidential", "input": {"password": password}}


async def test_secrets_are_sealed_and_the_digest_knows_them_and_does_not_show_them() -> None:
    first, again, other = [await make(**with_password(password)) for password in ("pw1", "pw1", "pw2")]
    assert "pw1" not in repr(first)
    stored, secrets = SECRETS.opened(json.loads(first.spec), "acme")
    assert (stored, secrets) == ({"input": {}, "options": {}}, {"password": "pw1"})
    assert first.content_digest == again.content_digest != other.content_digest
    other_key = SpecSecrets(lambda: ["another-secret-of-thirty-two-characters"])
    assert first.content_digest != (await make(secrets=other_key, **with_password("pw1"))).content_digest


async def test_secrets_of_a_batch_are_sealed_and_its_digest_knows_them() -> None:
    first, again, other = [await make_batch(with_password(each)) for each in ("pw1", "pw1", "pw2")]
    assert "pw1" not in repr(first)
    assert first.content_digest == again.content_digest != other.content_digest


async def test_a_missing_reference_is_an_error_with_a_pointer() -> None:
    with pytest.raises(JobNotFound) as caught:
        await make(None, **referring("unknown"))
    (error,) = caught.value.errors
    assert error["pointer"] == "/input/job_id"
    assert "'unknown'" in error["message"]


async def test_in_a_batch_all_missing_references_are_errors_with_pointers() -> None:
    with pytest.raises(JobNotFound) as caught:
        await make_batch(referring("no"), referring("known"), referring("neither"), key=None)
    assert [error["pointer"] for error in caught.value.errors] == [
        "/jobs/0/input/job_id",
        "/jobs/2/input/job_id",
    ]


async def test_nothing_is_looked_up_for_a_batch_that_is_not_valid() -> None:
    with pytest.raises(InvalidInput) as caught:
        await make_batch(referring("unknown"), {"kind": "echo", "input": {"bad": 1}})
    assert [error["pointer"] for error in caught.value.errors] == ["/jobs/1/input/bad"]


async def test_a_missing_reference_is_kept_as_the_refusal_if_there_is_an_idempotency_key() -> None:
    job, batch = await make(**referring("unknown")), await make_batch(referring("unknown"))
    assert isinstance(job.refusal, JobNotFound)
    assert isinstance(batch.refusal, JobNotFound)
    assert (await make(**referring("known"))).refusal is None
    assert (await make_batch(referring("known"))).refusal is None


async def test_files_for_a_kind_that_takes_none_are_refused() -> None:
    request = JobRequest.model_validate({"kind": "echo", "input": {}})
    with pytest.raises(InvalidInput, match="echo takes no files"):
        await submissions().of_request(request, "acme", None, NOW, {"a.pdf": b""})


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:3000/x",
        "https://hooks.localhost/",
        "http://example.com/",
        "https://example.com:9000/",
        "https://user:password@example.com/",
        "https://[::1]/",
    ],
)
async def test_a_webhook_url_that_can_never_be_called_is_refused_without_resolving_it(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await make(webhook_url=url)
    assert [each["pointer"] for each in caught.value.errors] == ["/webhook_url"]
    assert caught.value.detail.startswith("/webhook_url: ")
    assert not caught.value.detail.endswith("..")
    with pytest.raises(InvalidInput) as caught:
        await make_batch({"kind": "echo", "input": {}, "webhook_url": url})
    assert [each["pointer"] for each in caught.value.errors] == ["/jobs/0/webhook_url"]


async def test_a_host_name_in_a_webhook_url_is_not_resolved_at_submission() -> None:
    url = "https://no-such-host.invalid/hook"
    assert (await make(webhook_url=url)).webhook_url == url
