"""Jobs that a busy worker holds for its next free slots."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobs.core.job import Job, JobStatus
from jobs.store import keys
from jobs.worker.timing import WorkerTiming
from jobs.worker.worker import JobWorker
from testsupport.core import Core
from testsupport.event_watcher import Watcher
from testsupport.runners import Gate, instant
from testsupport.stuck_artifacts import StuckArtifacts
from testsupport.waiting import eventually, soon

FOR_EVER_S = 3600.0
HOLDING = WorkerTiming(short_run_s=FOR_EVER_S, prefetch_for_s=FOR_EVER_S, hold_s=FOR_EVER_S)
"""Every run counts as short, however slow the machine is, and no claim is held for too long."""
PATIENT = dataclasses.replace(HOLDING, flush_after_s=FOR_EVER_S, look_again_s=FOR_EVER_S)
"""Nothing is written or claimed just because of the time."""


@dataclasses.dataclass
class Holding:
    """A worker whose slots are full until the gate opens, and that holds jobs meanwhile."""

    worker: JobWorker
    gate: Gate
    next_gate: Gate
    running: list[Job]
    jobs: list[Job]


async def held(worker: JobWorker, count: int) -> list[str]:
    """The jobs that the worker holds, once there are so many."""
    while True:
        claims = await worker.signals.held.next()
        if len(claims) == count:
            return [claim.job_id for claim in claims]


@asynccontextmanager
async def holding(
    core: Core, watcher: Watcher, count: int, *, kind: str = "test", timing: WorkerTiming = HOLDING
) -> AsyncIterator[Holding]:
    gate, next_gate = Gate(), Gate()
    async with core.worker({"test": instant, "gate": gate, "next": next_gate}, timing) as worker:
        await watcher.terminal((await core.submit()).id)  # now the worker knows how long runs are
        running = [await core.submit("gate") for _ in range(2)]
        await eventually(lambda: gate.runs == 2)
        worker.signals.held.watch()
        jobs = [await core.submit(kind) for _ in range(count)]
        worker.outcomes.flush()  # of a patient worker: the start of the second run
        assert await held(worker, count) == [job.id for job in jobs]
        yield Holding(worker, gate, next_gate, running, jobs)


async def test_a_job_held_for_the_next_free_slot_is_queued_and_runs_in_its_turn(
    core: Core, watcher: Watcher
) -> None:
    async with holding(core, watcher, 2) as full:
        assert (await core.store.get("acme", full.jobs[0].id)).status is JobStatus.QUEUED
        full.gate.opened.set()
        for job in full.running + full.jobs:
            await watcher.terminal(job.id)
        for job in full.jobs:
            assert await core.event_types(job) == ["job.queued", "job.started", "job.succeeded"]
            assert (await core.store.get("acme", job.id)).document["attempt"] == 1


async def test_a_job_held_behind_a_long_run_is_handed_back_to_an_idle_worker(
    core: Core, watcher: Watcher
) -> None:
    async with holding(core, watcher, 1, timing=dataclasses.replace(HOLDING, hold_s=1)) as full:
        (job,) = full.jobs
        async with core.worker({"test": instant}):
            await watcher.terminal(job.id)
        assert (await core.store.get("acme", job.id)).document["attempt"] == 1
        full.gate.opened.set()


async def test_leases_are_renewed_although_a_held_job_cannot_be_handed_back(
    core: Core, watcher: Watcher
) -> None:
    async with holding(core, watcher, 1, timing=dataclasses.replace(HOLDING, hold_s=1)) as full:
        await core.redis.set(keys.READY + "acme", "not a queue")
        assert await held(full.worker, 0) == []
        full.worker.signals.renewed.watch()
        await full.worker.signals.renewed.next()


async def test_the_lease_of_a_held_job_is_renewed(core: Core, watcher: Watcher) -> None:
    async with holding(core, watcher, 1) as full:
        full.worker.signals.renewed.watch()
        assert full.jobs[0].id in [claim.job_id for claim in await full.worker.signals.renewed.next()]


async def test_a_drain_hands_held_jobs_back_at_once(core: Core, watcher: Watcher) -> None:
    async with holding(core, watcher, 1) as full:
        (job,) = full.jobs
        full.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        await eventually(lambda: core.redis.zscore(keys.READY + "acme", job.id))
        assert full.gate.runs == 2
        full.gate.opened.set()
    assert (await core.store.get("acme", job.id)).status is JobStatus.QUEUED


async def test_a_full_worker_that_drains_claims_nothing_when_its_runs_end(
    core: Core, watcher: Watcher
) -> None:
    async with holding(core, watcher, 1, timing=PATIENT) as full:
        full.worker.signals.renewed.watch()
        await full.worker.signals.renewed.next()  # by now it waits for a reason to look
        full.worker.signals.looked.watch()
        full.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        full.gate.opened.set()
        for job in full.running:
            await watcher.terminal(job.id)
    assert full.worker.signals.looked.emitted() == []


async def test_a_worker_that_stops_without_a_grace_period_begins_nothing_more(
    core: Core, watcher: Watcher
) -> None:
    async with holding(core, watcher, 3, kind="next") as full:
        full.worker.signals.ended.watch()
        full.worker.handle_sig(signal.SIGTERM)
        ended = {(await full.worker.signals.ended.next()).job_id for _ in full.running}
        assert ended == {job.id for job in full.running}
    assert full.next_gate.runs == 0
    for job in full.running + full.jobs:
        assert (await core.store.get("acme", job.id)).status is JobStatus.QUEUED
        assert await core.redis.zscore(keys.LEASES, job.id) is None


async def test_a_worker_that_breaks_begins_nothing_more(core: Core, watcher: Watcher) -> None:
    async with holding(core, watcher, 3, kind="next") as full:
        pass  # its main loop ends, and it is closed
    assert full.next_gate.runs == 0
    for job in full.jobs:
        assert await core.redis.zscore(keys.LEASES, job.id) is None


async def test_a_held_job_that_is_cancelled_never_begins(core: Core, watcher: Watcher) -> None:
    async with holding(core, watcher, 1) as full:
        (job,) = full.jobs
        await core.store.cancel("acme", job.id)
        assert await held(full.worker, 0) == []
        full.gate.opened.set()
    assert await core.event_types(job) == ["job.queued", "job.cancelled"]


async def test_outcomes_that_wait_go_with_the_last_of_the_queue(core: Core, watcher: Watcher) -> None:
    async with holding(core, watcher, 2, timing=PATIENT) as full:
        full.gate.opened.set()
        for job in full.running + full.jobs:
            await watcher.terminal(job.id)
            assert await core.event_types(job) == ["job.queued", "job.started", "job.succeeded"]


async def test_a_worker_whose_slots_stay_full_claims_along_with_its_outcomes(
    core: Core, watcher: Watcher
) -> None:
    core.artifacts = artifacts = StuckArtifacts(core.settings.data_dir / "artifacts")
    async with holding(core, watcher, 2, kind="next", timing=PATIENT) as full:
        worker = full.worker
        worker.signals.looked.watch()
        more = [await core.submit() for _ in range(2)]
        artifacts.close()
        full.gate.opened.set()
        await eventually(lambda: full.next_gate.runs == 2)
        worker.outcomes.flush()
        await soon(artifacts.tried)
        assert await held(worker, 0) == []
        assert worker.signals.looked.emitted() == []
        artifacts.open()
        assert await held(worker, 2) == [job.id for job in more]
        full.next_gate.opened.set()
