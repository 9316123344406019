"""The outcome writer on a real store: what a flush writes, and in how many round trips."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from jobs.core.errors.job import RendererCrashed
from jobs.core.errors.store import ArtifactMissing, ClaimLost
from jobs.core.job import Claim, JobStatus, Result
from jobs.store.artifacts import result_path
from jobs.store.artifacts.watch import ArtifactWatch
from jobs.store.queue import JobQueue
from jobs.store.scripts import Scripts
from jobs.worker.artifact_waits import ArtifactWaits
from jobs.worker.outcome_writer import OutcomeWriter
from jobs.worker.timing import WorkerTiming
from testsupport.core import Core
from testsupport.event_watcher import Watcher
from testsupport.stuck_artifacts import StuckArtifacts
from testsupport.valkey import FaultyValkey
from testsupport.waiting import DEADLINE_S, soon

PATIENT = WorkerTiming(flush_after_s=3600)
RESULT = Result(body=b"%PDF-", content_type="application/pdf", filename="a.pdf")


def unexpected() -> None:
    raise AssertionError("the start was refused")


def outcome_writer(
    queue: JobQueue, timing: WorkerTiming, on_round_trip: Callable[[], None] = lambda: None
) -> OutcomeWriter:
    return OutcomeWriter(queue, ArtifactWaits(ArtifactWatch(queue.artifacts), timing), timing, on_round_trip)


async def claims(core: Core, count: int) -> list[Claim]:
    for _ in range(count):
        await core.submit()
    return (await core.queue.claim(count)).claims


async def status(core: Core, claim: Claim) -> JobStatus:
    return (await core.store.get(claim.tenant, claim.job_id)).status


async def all_of(*steps: Awaitable[None]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*steps)


async def reads(core: Core) -> int:
    """How often the store has read from a connection, this question included."""
    return int((await core.redis.info("stats"))["total_reads_processed"])


@pytest.mark.parametrize("reuse_key", [None, "digest"])
async def test_one_round_trip_takes_outcomes_starts_and_what_is_added(
    own_valkey: FaultyValkey, tmp_path: Path, reuse_key: str | None
) -> None:
    core = Core.open(own_valkey.url, tmp_path)
    added = asyncio.Event()
    writer = outcome_writer(core.queue, PATIENT, added.set)
    result = dataclasses.replace(RESULT, reuse_key=reuse_key)

    async def add() -> None:
        await added.wait()
        await core.queue.claim(0)

    for _ in range(2):  # the first time, the store does not know the scripts
        added.clear()
        goes_on, fails, succeeds = await claims(core, 3)
        adding = asyncio.create_task(add())
        _, failing, succeeding = [
            writer.started(claim, unexpected, may_wait=True) for claim in (goes_on, fails, succeeds)
        ]
        writer.outcome_queued.watch()
        outcomes = [
            asyncio.create_task(writer.finished(failing, RendererCrashed("It died."), may_wait=True)),
            asyncio.create_task(writer.finished(succeeding, result, may_wait=True)),
        ]
        for _ in outcomes:
            await writer.outcome_queued.next()
        before = await reads(core)
        writer.flush()
        await all_of(adding, *outcomes)
        trips = await reads(core) - before - 1
    assert trips == 1
    assert [await status(core, claim) for claim in (goes_on, fails, succeeds)] == [
        JobStatus.RUNNING,
        JobStatus.RETRYING,
        JobStatus.SUCCEEDED,
    ]
    await core.redis.aclose()


async def test_what_may_wait_goes_when_the_timer_ends(core: Core) -> None:
    writer = outcome_writer(core.queue, WorkerTiming(flush_after_s=0.05))
    (claim,) = await claims(core, 1)
    await all_of(writer.finished(writer.started(claim, unexpected, may_wait=True), RESULT, may_wait=True))
    assert await status(core, claim) is JobStatus.SUCCEEDED


async def test_an_outcome_that_may_not_wait_takes_along_those_that_wait(core: Core) -> None:
    writer = outcome_writer(core.queue, PATIENT)
    waits, goes = [writer.started(claim, unexpected, may_wait=True) for claim in await claims(core, 2)]
    waiting = asyncio.create_task(writer.finished(waits, RESULT, may_wait=True))
    await all_of(waiting, writer.finished(goes, RESULT, may_wait=False))
    assert await status(core, waits.claim) is JobStatus.SUCCEEDED


async def test_a_start_that_may_not_wait_is_recorded_at_once_and_its_outcome_later(
    core: Core, watcher: Watcher
) -> None:
    writer = outcome_writer(core.queue, PATIENT)
    (claim,) = await claims(core, 1)
    record = writer.started(claim, unexpected, may_wait=False)
    await watcher.wait_for(claim.job_id, "job.started")
    await all_of(writer.finished(record, RESULT, may_wait=False))
    assert await core.event_types(await core.store.get("acme", claim.job_id)) == [
        "job.queued",
        "job.started",
        "job.succeeded",
    ]


@pytest.mark.parametrize("refuses", [True, False])
async def test_a_start_is_recorded_if_the_result_cannot_be_stored_for_long(
    core: Core, watcher: Watcher, refuses: bool
) -> None:
    artifacts = StuckArtifacts(core.settings.data_dir / "artifacts")
    queue = JobQueue(core.redis, Scripts(core.redis, core.settings), artifacts)
    writer = outcome_writer(queue, WorkerTiming(flush_after_s=0.05, artifact_retry_s=0.02))
    slow, failed = await claims(core, 2)
    artifacts.close(refuses=refuses)
    outcomes = [
        asyncio.create_task(
            writer.finished(writer.started(claim, unexpected, may_wait=True), ended, may_wait=False)
        )
        for claim, ended in ((slow, RESULT), (failed, RendererCrashed("It died.")))
    ]
    await soon(artifacts.tried)
    await watcher.wait_for(slow.job_id, "job.started")
    await watcher.wait_for(failed.job_id, "job.retrying")
    assert await status(core, slow) is JobStatus.RUNNING
    artifacts.open()
    await all_of(*outcomes)
    assert await core.event_types(await core.store.get("acme", slow.job_id)) == [
        "job.queued",
        "job.started",
        "job.succeeded",
    ]


async def test_the_result_of_a_claim_that_is_lost_while_its_outcome_waits_is_removed(core: Core) -> None:
    writer = outcome_writer(core.queue, PATIENT)
    (claim,) = await claims(core, 1)
    record = writer.started(claim, unexpected, may_wait=True)
    writer.outcome_queued.watch()
    outcome = asyncio.create_task(writer.finished(record, RESULT, may_wait=True))
    await writer.outcome_queued.next()
    await core.store.cancel("acme", claim.job_id)
    writer.flush()
    with pytest.raises(ClaimLost):
        await all_of(outcome)
    with pytest.raises(ArtifactMissing):
        await core.artifacts.get(result_path("acme", claim.job_id, claim.number))


async def test_nothing_is_written_about_a_run_whose_record_is_closed(core: Core) -> None:
    artifacts = StuckArtifacts(core.settings.data_dir / "artifacts")
    queue = JobQueue(core.redis, Scripts(core.redis, core.settings), artifacts)
    writer = outcome_writer(queue, PATIENT)
    closed, storing, other = [
        writer.started(claim, unexpected, may_wait=True) for claim in await claims(core, 3)
    ]
    artifacts.close()
    outcome = asyncio.create_task(writer.finished(storing, RESULT, may_wait=False))
    await soon(artifacts.tried)
    for record in (closed, storing):
        writer.close_record(record)
    outcome.cancel()
    artifacts.open()
    await all_of(writer.finished(other, RESULT, may_wait=False))
    assert await status(core, closed.claim) is JobStatus.QUEUED
    assert await status(core, storing.claim) is JobStatus.QUEUED


async def test_a_result_is_written_once_if_its_run_ends_while_a_flush_begins(core: Core) -> None:
    artifacts = StuckArtifacts(core.settings.data_dir / "artifacts")
    queue = JobQueue(core.redis, Scripts(core.redis, core.settings), artifacts)
    writer = outcome_writer(queue, PATIENT)
    (claim,) = await claims(core, 1)
    record = writer.started(claim, unexpected, may_wait=True)
    outcome = asyncio.create_task(writer.finished(record, RESULT, may_wait=False))
    writer.flush()  # takes the start; the run ends before the flush does its first step
    await all_of(outcome)
    assert artifacts.puts == 1


async def test_no_result_is_written_if_the_record_is_closed_while_a_flush_begins(core: Core) -> None:
    artifacts = StuckArtifacts(core.settings.data_dir / "artifacts")
    queue = JobQueue(core.redis, Scripts(core.redis, core.settings), artifacts)
    writer = outcome_writer(queue, PATIENT)
    closed, other = [writer.started(claim, unexpected, may_wait=True) for claim in await claims(core, 2)]
    writer.outcome_queued.watch()
    outcome = asyncio.create_task(writer.finished(closed, RESULT, may_wait=True))
    await writer.outcome_queued.next()
    writer.flush()
    outcome.cancel()
    writer.close_record(closed)
    await all_of(writer.finished(other, RESULT, may_wait=False))
    assert artifacts.puts == 1


async def test_a_refused_start_ends_a_run_that_goes_on(core: Core) -> None:
    writer = outcome_writer(core.queue, PATIENT)
    (claim,) = await claims(core, 1)
    await core.queue.release(claim)
    refused = asyncio.Event()
    writer.started(claim, refused.set, may_wait=False)
    await soon(refused)


async def test_a_run_whose_start_was_not_recorded_can_fail_for_good(core: Core) -> None:
    writer = outcome_writer(core.queue, PATIENT)
    await core.submit(max_attempts=1)
    (claim,) = (await core.queue.claim(1)).claims
    record = writer.started(claim, unexpected, may_wait=True)
    await all_of(writer.finished(record, RendererCrashed("It died."), may_wait=False))
    job = await core.store.get("acme", claim.job_id)
    assert await core.event_types(job) == ["job.queued", "job.started", "job.failed"]
    assert job.document["attempt"] == 1
