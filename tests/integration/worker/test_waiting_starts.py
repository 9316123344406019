"""A short run beside others: when its start and its outcome are written."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jobs.core.errors.job import RendererCrashed
from jobs.core.errors.store import ArtifactMissing
from jobs.core.job import Job, JobStatus, Result
from jobs.kinds import Run
from jobs.store import keys
from jobs.store.artifacts import result_path
from jobs.worker.timing import WorkerTiming
from jobs.worker.worker import JobWorker
from testsupport.core import Core
from testsupport.event_watcher import Watcher
from testsupport.runners import Gate, instant
from testsupport.stuck_artifacts import StuckArtifacts
from testsupport.waiting import soon

FOR_EVER_S = 3600.0
PATIENT = WorkerTiming(flush_after_s=FOR_EVER_S, short_run_s=FOR_EVER_S, renew_interval_s=FOR_EVER_S)
"""Every run counts as short. No timer flushes, and no renewal tells of a cancellation."""


@dataclasses.dataclass
class Beside:
    """A job under way beside a long one, on a worker with two slots that expects it to be short."""

    worker: JobWorker
    job: Job
    gate: Gate


@asynccontextmanager
async def beside_a_long_run(
    core: Core, watcher: Watcher, timing: WorkerTiming = PATIENT, **fields: Any
) -> AsyncIterator[Beside]:
    long, short = Gate(), Gate()
    async with core.worker({"test": instant, "long": long, "short": short}, timing) as worker:
        await watcher.terminal((await core.submit()).id)  # now the worker knows how long runs are
        await core.submit("long")
        await soon(long.begun)
        job = await core.submit("short", **fields)
        await soon(short.begun)
        yield Beside(worker, job, short)
        long.opened.set()


async def test_an_outcome_with_no_job_behind_it_goes_at_once(core: Core, watcher: Watcher) -> None:
    async with beside_a_long_run(core, watcher) as short:
        short.gate.opened.set()
        await watcher.terminal(short.job.id)
        assert await core.event_types(short.job) == ["job.queued", "job.started", "job.succeeded"]


async def test_a_free_slot_takes_the_next_job_while_the_last_outcome_is_being_written(
    core: Core, watcher: Watcher
) -> None:
    core.artifacts = artifacts = StuckArtifacts(core.settings.data_dir / "artifacts")
    async with beside_a_long_run(core, watcher) as short:
        artifacts.close()
        short.gate.opened.set()
        await soon(artifacts.tried)
        short.gate.begun.clear()
        other = await core.submit("short")
        await soon(short.gate.begun)
        artifacts.open()
        await watcher.terminal(other.id)


async def test_the_outcome_of_a_short_run_beside_others_brings_its_start_along(
    core: Core, watcher: Watcher
) -> None:
    async with beside_a_long_run(core, watcher) as short:
        assert (await core.store.get("acme", short.job.id)).status is JobStatus.QUEUED
        short.gate.opened.set()
        await watcher.terminal(short.job.id)
    events = [json.loads(body) for body in await core.log.of_job("acme", short.job.id)]
    assert [event["type"] for event in events] == ["job.queued", "job.started", "job.succeeded"]
    assert events[1]["timestamp"] == events[2]["timestamp"]
    document = (await core.store.get("acme", short.job.id)).document
    assert (document["attempt"], document["version"]) == (1, 3)
    assert document["created_at"] <= document["started_at"] < document["finished_at"]


async def test_the_start_of_a_run_that_goes_on_is_recorded_when_the_timer_ends(
    core: Core, watcher: Watcher
) -> None:
    async with beside_a_long_run(core, watcher, dataclasses.replace(PATIENT, flush_after_s=0.1)) as short:
        await watcher.wait_for(short.job.id, "job.started")
        assert (await core.store.get("acme", short.job.id)).status is JobStatus.RUNNING


async def test_the_start_of_a_job_that_may_expire_does_not_wait(core: Core, watcher: Watcher) -> None:
    async with beside_a_long_run(core, watcher, expires_in_ms=60_000) as short:
        await watcher.wait_for(short.job.id, "job.started")


async def test_a_run_ends_when_its_late_start_is_refused(core: Core, watcher: Watcher) -> None:
    async with beside_a_long_run(core, watcher) as short:
        await core.store.cancel("acme", short.job.id)
        short.worker.outcomes.flush()
        await soon(short.gate.interrupted)
    assert await core.event_types(short.job) == ["job.queued", "job.cancelled"]


async def test_the_outcome_of_a_cancelled_run_is_refused_and_its_result_removed(
    core: Core, watcher: Watcher
) -> None:
    async with beside_a_long_run(core, watcher) as short:
        short.worker.signals.ended.watch()
        await core.store.cancel("acme", short.job.id)
        short.gate.opened.set()
        claim = await short.worker.signals.ended.next()
        assert claim.job_id == short.job.id
    assert await core.event_types(short.job) == ["job.queued", "job.cancelled"]
    with pytest.raises(ArtifactMissing):
        await core.artifacts.get(result_path("acme", claim.job_id, claim.number))


async def test_a_stop_hands_a_run_whose_start_waits_back_as_if_it_had_never_begun(
    core: Core, watcher: Watcher
) -> None:
    async with beside_a_long_run(core, watcher) as short:
        pass
    assert await core.event_types(short.job) == ["job.queued"]
    assert await core.redis.zscore(keys.READY + "acme", short.job.id) is not None
    assert await core.redis.zscore(keys.LEASES, short.job.id) is None


@pytest.mark.parametrize(("max_attempts", "end"), [(1, "job.failed"), (2, "job.retrying")])
async def test_a_run_that_fails_has_started_first(
    core: Core, watcher: Watcher, max_attempts: int, end: str
) -> None:
    async def crash(run: Run) -> Result:
        raise RendererCrashed("It died. Try again.")

    gate = Gate()
    async with core.worker({"test": instant, "long": gate, "crash": crash}, PATIENT) as worker:
        await watcher.terminal((await core.submit()).id)
        await core.submit("long")
        await soon(gate.begun)
        worker.signals.ended.watch()
        job = await core.submit("crash", max_attempts=max_attempts)
        assert (await worker.signals.ended.next()).job_id == job.id
        await watcher.wait_for(job.id, end)
    types = [event.type for event in watcher.events if event.job_id == job.id]
    assert types[:3] == ["job.queued", "job.started", end]
