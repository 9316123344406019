"""A process may die between any two steps. Each test takes some steps, stops as a killed process
would, and lets another process continue. Every job must end once, with nothing lost and nothing
left behind."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from jobs.core.errors.job import RendererCrashed
from jobs.core.errors.store import ArtifactMissing, ClaimLost
from jobs.core.ids import new_job_id
from jobs.core.job import INLINE_INPUT_MAX_BYTES, Claim, Job, JobStatus, Result, Submission
from jobs.store import keys
from jobs.store.artifacts import input_path, result_path
from jobs.store.queue import ExpiredLease
from testsupport.core import Core
from testsupport.event_watcher import Watcher
from testsupport.runners import instant

RESULT = Result(body=b"%PDF-first", content_type="application/pdf", filename="a.pdf")
BIG_SPEC = b'{"input":{"html":"' + b"x" * INLINE_INPUT_MAX_BYTES + b'"},"options":{}}'


async def take_back(core: Core, claim: Claim) -> None:
    """Ends the lease of the claim, as the reaper does when it is sure that the worker is gone."""
    ends = await core.redis.zscore(keys.LEASES, claim.job_id)
    assert ends is not None
    await core.queue.claim(0, [ExpiredLease(claim.job_id.encode(), f"{ends:.0f}".encode())])


async def finish_elsewhere(core: Core, job: Job) -> list[str]:
    """Lets another worker finish the job; returns the types of the job's events."""
    async with Watcher.following(core.redis) as watcher, core.worker({"test": instant}):
        if not (await core.store.get(job.tenant, job.id)).is_terminal:
            await watcher.terminal(job.id)
    return await core.event_types(job)


@pytest.mark.parametrize("steps", ["claim", "claim store", "claim start", "claim start store"])
async def test_another_worker_runs_the_job_of_one_that_dies_before_writing_the_outcome(
    core: Core, steps: str
) -> None:
    job = await core.submit()
    (claim,) = (await core.queue.claim(1)).claims
    if "start" in steps:
        await core.queue.start(claim)
    if "store" in steps:
        await core.queue.store_result(claim, RESULT)

    await take_back(core, claim)
    types = await finish_elsewhere(core, job)

    started = ["job.started", "job.queued"] if "start" in steps else []
    assert types == ["job.queued", *started, "job.started", "job.succeeded"]
    ended = await core.store.get(job.tenant, job.id)
    assert ended.document["attempt"] == (2 if "start" in steps else 1)
    stored = await core.store.result_of(job.tenant, job.id)
    assert await core.artifacts.get(stored.path) == b"done"


@pytest.mark.parametrize(
    ("started", "ending"),
    [
        *[(started, ending) for started in (True, False) for ending in ("lost", "handed back", "cancelled")],
        (False, "expired"),
    ],
)
async def test_a_result_that_no_record_refers_to_is_swept_after_an_hour(
    core: Core, started: bool, ending: str
) -> None:
    job = await core.submit(expires_in_ms=60_000)
    (claim,) = (await core.queue.claim(1)).claims
    if started:
        await core.queue.start(claim)
    orphan = await core.queue.store_result(claim, RESULT)
    if ending == "lost":
        await take_back(core, claim)
    elif ending == "handed back":
        await core.queue.release(claim)
    elif ending == "cancelled":
        await core.store.cancel(job.tenant, job.id)
    else:
        await core.redis.zadd(keys.EXPIRY_STARTS, {job.id: 1})  # a minute passes
        await core.queue.claim(0)
    if (await core.store.get(job.tenant, job.id)).is_terminal:
        job = await core.submit()
    await finish_elsewhere(core, job)

    await core.queue.sweep()
    assert await core.artifacts.get(orphan) == RESULT.body, "a late worker may still be writing"
    for prefix in await core.redis.zrange(keys.GARBAGE, 0, -1):
        await core.redis.zadd(keys.GARBAGE, {prefix: 1})  # an hour passes
    await core.queue.sweep()

    with pytest.raises(ArtifactMissing):
        await core.artifacts.get(orphan)
    stored = await core.store.result_of(job.tenant, job.id)
    assert await core.artifacts.get(stored.path) == b"done"


@pytest.mark.parametrize("began_ms_ago", [None, 20])
async def test_a_worker_that_dies_right_after_writing_the_outcome_changes_nothing(
    core: Core, began_ms_ago: int | None
) -> None:
    job = await core.submit(spec=BIG_SPEC)
    (claim,) = (await core.queue.claim(1)).claims
    if began_ms_ago is None:
        await core.queue.start(claim)
    path = await core.queue.store_result(claim, RESULT)
    await core.queue.succeed(claim, RESULT, path, began_ms_ago=began_ms_ago)

    assert await core.redis.zcard(keys.LEASES) == 0
    assert await finish_elsewhere(core, job) == ["job.queued", "job.started", "job.succeeded"]
    await core.queue.sweep()
    with pytest.raises(ArtifactMissing):
        await core.artifacts.get(input_path(job.tenant, job.id))


async def test_a_late_worker_can_neither_overwrite_nor_remove_the_outcome_of_its_successor(
    core: Core,
) -> None:
    job = await core.submit()
    (late,) = (await core.queue.claim(1)).claims
    await core.queue.start(late)
    await take_back(core, late)
    (current,) = (await core.queue.claim(1)).claims
    await core.queue.start(current)
    assert current.number > late.number

    path = await core.queue.store_result(late, RESULT)
    for write in (
        core.queue.start(late),
        core.queue.succeed(late, RESULT, path),
        core.queue.succeed(late, RESULT, path, began_ms_ago=20),
        core.queue.fail(late, RendererCrashed("late")),
        core.queue.retry(late, RendererCrashed("late"), 0),
    ):
        with pytest.raises(ClaimLost):
            await write
    await core.queue.release(late)
    assert await core.queue.renew([late]) == [(late, "lost")]
    await core.queue.discard_result(path)

    own = Result(body=b"current", content_type="text/plain", filename="b.txt")
    await core.queue.succeed(current, own, await core.queue.store_result(current, own))
    stored = await core.store.result_of(job.tenant, job.id)
    assert stored.path == result_path(job.tenant, job.id, current.number)
    assert await core.artifacts.get(stored.path) == b"current"


async def test_a_repeated_step_returns_the_first_answer_and_writes_nothing(core: Core) -> None:
    """Every step is sent twice, as by a client that lost the first answer."""
    submission = Submission(job_id=new_job_id(), tenant="acme", kind="test", spec=b"{}")
    first = await core.store.submit(submission)
    again = await core.store.submit(submission)
    assert not again.replayed  # no earlier request had made it
    assert again.job == first.job

    (claim,) = (await core.queue.claim(1)).claims
    assert [await core.queue.start(claim) for _ in range(2)] == [1, 1]
    path = await core.queue.store_result(claim, RESULT)
    for _ in range(2):
        await core.queue.succeed(claim, RESULT, path)
    assert await core.event_types(first.job) == ["job.queued", "job.started", "job.succeeded"]


Outcome = Callable[[Core, Claim], Awaitable[None]]


async def succeed_with_start(core: Core, claim: Claim) -> None:
    path = await core.queue.store_result(claim, RESULT)
    await core.queue.succeed(claim, RESULT, path, began_ms_ago=20)


async def fail_with_start(core: Core, claim: Claim) -> None:
    await core.queue.fail(claim, RendererCrashed("It died."), began_ms_ago=20)


async def retry_with_start(core: Core, claim: Claim) -> None:
    await core.queue.retry(claim, RendererCrashed("It died."), 3_600_000, began_ms_ago=20)


outcomes_with_start = pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (succeed_with_start, "job.succeeded"),
        (fail_with_start, "job.failed"),
        (retry_with_start, "job.retrying"),
    ],
)


@outcomes_with_start
async def test_an_outcome_that_includes_the_start_may_be_sent_twice_and_after_the_start(
    core: Core, outcome: Outcome, end: str
) -> None:
    jobs = [await core.submit() for _ in range(2)]
    for claim in (await core.queue.claim(2)).claims:
        if claim.job_id == jobs[1].id:
            await core.queue.start(claim)  # the worker does not learn of it: the answer was lost
        for _ in range(2):
            await outcome(core, claim)
    for job in jobs:
        assert await core.event_types(job) == ["job.queued", "job.started", end]
        assert (await core.store.get("acme", job.id)).document["attempt"] == 1


@outcomes_with_start
async def test_a_start_that_arrives_after_its_outcome_is_refused_and_changes_nothing(
    core: Core, outcome: Outcome, end: str
) -> None:
    job = await core.submit()
    (claim,) = (await core.queue.claim(1)).claims
    await outcome(core, claim)
    with pytest.raises(ClaimLost):
        await core.queue.start(claim, began_ms_ago=20)
    assert await core.event_types(job) == ["job.queued", "job.started", end]
    assert (await core.store.get("acme", job.id)).document["attempt"] == 1


async def test_a_claim_whose_answer_was_lost_is_returned_without_using_an_attempt(core: Core) -> None:
    job = await core.submit(max_attempts=1)
    (claim,) = (await core.queue.claim(1)).claims
    await take_back(core, claim)
    assert await finish_elsewhere(core, job) == ["job.queued", "job.started", "job.succeeded"]


async def test_a_job_whose_last_attempt_was_lost_fails_with_worker_lost(core: Core) -> None:
    job = await core.submit(max_attempts=2)
    for _ in range(2):
        (claim,) = (await core.queue.claim(1)).claims
        await core.queue.start(claim)
        await take_back(core, claim)

    ended = await core.store.get(job.tenant, job.id)
    assert ended.status is JobStatus.FAILED
    assert ended.document["error"]["code"] == "worker_lost"
    assert (await core.event_types(job)).count("job.failed") == 1


async def test_a_job_that_is_lost_before_every_start_fails_in_the_end(core: Core) -> None:
    job = await core.submit()
    for _ in range(20):
        claims = (await core.queue.claim(1)).claims
        if not claims:
            break
        await take_back(core, claims[0])
    assert (await core.store.get(job.tenant, job.id)).document["error"]["code"] == "worker_lost"


async def test_a_lost_job_is_claimed_before_the_backlog_of_every_tenant(core: Core) -> None:
    lost = await core.submit(tenant="acme", priority="low")
    (claim,) = (await core.queue.claim(1)).claims
    for tenant in ("acme", "globex"):
        for _ in range(3):
            await core.submit(tenant=tenant, priority="high")
    await take_back(core, claim)
    assert (await core.queue.claim(1)).claims[0].job_id == lost.id


async def test_a_submission_that_dies_after_writing_its_input_leaves_no_job(core: Core) -> None:
    """The input is written first, so only a file remains that no record refers to."""
    job_id = new_job_id()
    await core.artifacts.put(input_path("acme", job_id), BIG_SPEC)
    assert (await core.store.page("acme")).items == []
    assert await core.redis.keys(f"*{job_id}*") == []


async def test_records_outlive_results_and_both_expire_with_their_artifacts(core: Core) -> None:
    job = await core.submit()
    await finish_elsewhere(core, job)
    stored = await core.store.result_of(job.tenant, job.id)

    await core.redis.zadd(keys.EXPIRY_RESULTS, {job.id: 1})
    await core.queue.sweep()
    assert (await core.event_types(job))[-1] == "job.expired"
    document = (await core.store.get(job.tenant, job.id)).document
    assert document["status"] == "succeeded"
    assert document["result"]["url"] is None
    with pytest.raises(ArtifactMissing):
        await core.artifacts.get(stored.path)

    await core.redis.zadd(keys.EXPIRY_RECORDS, {job.id: 1})
    await core.queue.sweep()
    left = [key for key in await core.redis.keys("*") if job.id.encode() in key]
    assert left == []
    assert await core.redis.zcard(keys.GARBAGE) == 0
    assert (await core.store.page(job.tenant)).items == []


async def test_a_job_that_did_not_start_in_time_fails_as_expired(core: Core) -> None:
    waiting = await core.submit(expires_in_ms=60_000)
    started = await core.submit(expires_in_ms=60_000, priority="high")
    (claim,) = (await core.queue.claim(1)).claims
    assert claim.job_id == started.id
    await core.queue.start(claim)

    for job in (waiting, started):
        await core.redis.zadd(keys.EXPIRY_STARTS, {job.id: 1})  # a minute passes
    assert (await core.queue.claim(5)).claims == []

    assert (await core.store.get("acme", waiting.id)).document["error"]["code"] == "job_expired"
    assert (await core.store.get("acme", started.id)).status is JobStatus.RUNNING
    assert json.loads((await core.log.of_job("acme", waiting.id))[-1])["type"] == "job.failed"


async def test_a_job_that_never_ran_leaves_no_garbage(core: Core) -> None:
    handed_back = await core.submit()
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.hand_back([claim])
    cancelled, expired = [await core.submit(expires_in_ms=60_000) for _ in range(2)]
    await core.store.cancel("acme", cancelled.id)
    await core.redis.zadd(keys.EXPIRY_STARTS, {expired.id: 1})  # a minute passes
    await core.queue.claim(0)
    assert (await core.store.get("acme", expired.id)).status is JobStatus.FAILED

    garbage = b" ".join(await core.redis.zrange(keys.GARBAGE, 0, -1)).decode()
    assert [job.id for job in (handed_back, cancelled, expired) if job.id in garbage] == []
