"""The worker on a real store: claiming, leases, cancelling, draining, back-off."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from jobs.core.errors.job import RendererCrashed, RenderTimeout
from jobs.core.errors.store import StoreUnavailable
from jobs.core.job import Job, JobStatus, Progress, Result
from jobs.kinds import Run, Runner
from jobs.store import keys
from jobs.store.client import connect
from jobs.store.queue import ExpiredLease
from jobs.worker.coalescing import Company
from jobs.worker.worker import JobWorker
from testsupport.core import Core, now_ms
from testsupport.event_watcher import Watcher
from testsupport.runners import Gate, instant
from testsupport.waiting import DEADLINE_S, eventually


@pytest.fixture
async def core(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path, PRESSRUN_WORKER_SLOTS="2", PRESSRUN_DRAIN_SECONDS="600")
    yield core
    await core.redis.aclose()


@pytest.fixture
async def watcher(core: Core) -> AsyncIterator[Watcher]:
    async with Watcher.following(core.redis) as watcher:
        yield watcher


@pytest.fixture(autouse=True)
def held_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes until the worker holds all that a test wants held, none is handed back meanwhile."""
    monkeypatch.setattr("jobs.worker.prefetch.HOLD_S", 3600)


async def soon(condition: asyncio.Event) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await condition.wait()


async def test_a_job_runs_to_success_and_its_events_say_so(core: Core, watcher: Watcher) -> None:
    async with core.worker({"test": instant}):
        job = await core.submit()
        await watcher.terminal(job.id)
    assert await core.event_types(job) == ["job.queued", "job.started", "job.succeeded"]
    document = (await core.store.get("acme", job.id)).document
    assert document["progress"] == {"percent": 100, "stage": "done", "page": 1}
    assert document["result"]["bytes"] == 4


async def test_no_more_runs_at_once_than_there_are_slots(core: Core, watcher: Watcher) -> None:
    gate = Gate()
    async with core.worker({"test": gate}):
        jobs = [await core.submit() for _ in range(5)]
        await watcher.wait_for(jobs[0].id, "job.started")
        await watcher.wait_for(jobs[1].id, "job.started")
        assert gate.runs == 2
        gate.opened.set()
        for job in jobs:
            await watcher.terminal(job.id)
    assert gate.runs == 5


async def test_tenants_take_turns(core: Core, watcher: Watcher) -> None:
    order: list[str] = []

    async def note(run: Run) -> Result:
        order.append(run.claim.tenant)
        return await instant(run)

    jobs = [await core.submit(tenant="acme") for _ in range(6)] + [
        await core.submit(tenant="globex") for _ in range(2)
    ]
    async with core.worker({"test": note}):
        for job in jobs:
            await watcher.terminal(job.id)
    assert order.index("globex") <= 2
    assert order[:4].count("globex") == 2


async def test_a_higher_priority_goes_first(core: Core) -> None:
    wanted = [(await core.submit(priority=priority)).id for priority in ("low", "normal", "high")][::-1]
    claims = (await core.queue.claim(3)).claims
    assert [claim.job_id for claim in claims] == wanted


async def test_a_cancelled_run_is_interrupted_and_leaves_one_terminal_event(
    core: Core, watcher: Watcher
) -> None:
    gate = Gate()
    async with core.worker({"test": gate}) as worker:
        job = await core.submit()
        await soon(gate.begun)
        await watcher.wait_for(job.id, "job.started")
        await core.store.cancel("acme", job.id)
        await soon(gate.interrupted)
        other = await core.submit()
        gate.opened.set()
        await watcher.terminal(other.id)
        await eventually(lambda: not worker.tasks)
    assert await core.event_types(job) == ["job.queued", "job.started", "job.cancelled"]


async def test_a_retryable_failure_runs_again_and_a_permanent_one_does_not(
    core: Core, watcher: Watcher
) -> None:
    async def crash_once(run: Run) -> Result:
        if run.claim.attempt == 0:
            raise RendererCrashed("It died. Try again.")
        return await instant(run)

    async def time_out(run: Run) -> Result:
        raise RenderTimeout("It took too long. Make it shorter.")

    async with core.worker({"crash": crash_once, "slow": time_out}):
        again, permanent = await core.submit("crash"), await core.submit("slow")
        await watcher.wait_for(again.id, "job.retrying")
        for job_id in await core.redis.zrange(keys.DUE, 0, -1):
            await core.redis.zadd(keys.DUE, {job_id: 1})  # the back-off passes
        await watcher.terminal(again.id)
        await watcher.terminal(permanent.id)
    assert (await core.event_types(again))[2:] == [
        "job.retrying",
        "job.queued",
        "job.started",
        "job.succeeded",
    ]
    assert (await core.store.get("acme", again.id)).document["error"] is None
    assert (await core.store.get("acme", permanent.id)).document["error"] == {
        "code": "render_timeout",
        "message": "It took too long. Make it shorter.",
        "retryable": False,
    }


async def test_a_bug_in_a_kind_fails_its_own_job_only(core: Core, watcher: Watcher) -> None:
    async def broken(run: Run) -> Result:
        raise ZeroDivisionError

    async with core.worker({"broken": broken, "test": instant}):
        bad, good = await core.submit("broken", max_attempts=1), await core.submit()
        await watcher.terminal(bad.id)
        await watcher.terminal(good.id)
    assert (await core.store.get("acme", bad.id)).document["error"]["code"] == "internal_error"
    assert (await core.store.get("acme", good.id)).status is JobStatus.SUCCEEDED


async def test_an_unknown_kind_waits_for_a_worker_that_knows_it(core: Core, watcher: Watcher) -> None:
    async with core.worker({"test": instant}):
        job = await core.submit("new")
        await watcher.wait_for(job.id, "job.retrying")
    assert (await core.store.get("acme", job.id)).document["error"]["code"] == "unknown_kind"


async def test_a_drain_lets_runs_finish_and_claims_nothing_more(core: Core, watcher: Watcher) -> None:
    gate = Gate()
    async with core.worker({"test": gate}) as worker:
        running = await core.submit()
        await soon(gate.begun)
        worker.handle_sig_wait_for_completion(signal.SIGTERM)
        late = await core.submit()
        gate.opened.set()
        await watcher.terminal(running.id)
    assert (await core.store.get("acme", running.id)).status is JobStatus.SUCCEEDED
    assert (await core.store.get("acme", late.id)).status is JobStatus.QUEUED


async def test_what_cannot_finish_in_the_grace_period_is_handed_back_unused(
    core: Core, watcher: Watcher
) -> None:
    core.settings = dataclasses.replace(core.settings, drain_seconds=1)
    gate = Gate()
    async with core.worker({"test": gate}) as worker:
        job = await core.submit(max_attempts=1)
        await watcher.wait_for(job.id, "job.started")
        worker.handle_sig_wait_for_completion(signal.SIGTERM)
        await soon(gate.interrupted)
    handed_back = await core.store.get("acme", job.id)
    assert (handed_back.status, handed_back.document["attempt"]) == (JobStatus.QUEUED, 0)
    assert await core.redis.zcard(keys.LEASES) == 0

    async with core.worker({"test": instant}):
        await watcher.terminal(job.id)
    assert await core.event_types(job) == [
        "job.queued",
        "job.started",
        "job.queued",
        "job.started",
        "job.succeeded",
    ]


async def test_a_cron_job_under_way_does_not_keep_a_worker_from_stopping_its_children(core: Core) -> None:
    stopped = asyncio.Event()

    async def start() -> dict[str, Runner]:
        return {}

    async def stop() -> None:
        stopped.set()

    worker = JobWorker(
        connect(core.settings), core.queue, core.settings, start=start, stop=stop, handle_signals=False
    )
    running = asyncio.create_task(worker.async_run())
    await eventually(lambda: worker._renewal is not None)
    worker.tasks["cron:sweep"] = asyncio.create_task(asyncio.sleep(3600))
    running.cancel()
    await asyncio.wait([running])
    await worker.close()
    assert stopped.is_set()


async def test_a_job_of_a_vanished_worker_runs_again(core: Core, watcher: Watcher) -> None:
    job = await core.submit()
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.start(claim)  # and nobody ever renews it
    async with core.worker({"test": instant}):
        ended = await watcher.terminal(job.id)
    assert ended.type == "job.succeeded"
    assert (await core.store.get("acme", job.id)).document["attempt"] == 2


async def test_a_worker_that_renews_keeps_its_job_from_others(core: Core, watcher: Watcher) -> None:
    """Two workers, one long run: several leases pass, and the job runs once."""
    gate = Gate()
    async with core.worker({"test": gate}), core.worker({"test": gate}):
        job = await core.submit()
        await soon(gate.begun)
        first = await core.redis.zscore(keys.LEASES, job.id)

        async def renewed_past_three_leases() -> bool:
            return bool(await core.redis.zscore(keys.LEASES, job.id) >= first + 3 * core.queue.lease_ms)

        await eventually(renewed_past_three_leases)
        gate.opened.set()
        await watcher.terminal(job.id)
    assert gate.runs == 1
    assert await core.event_types(job) == ["job.queued", "job.started", "job.succeeded"]


async def short_runs(core: Core, watcher: Watcher, worker: JobWorker) -> None:
    """From now on the worker takes runs to be short, however slow this machine is."""
    for _ in range(3):
        await watcher.terminal((await core.submit()).id)
    assert worker._reserve._average_run_s is not None
    worker._reserve._average_run_s = 0.001


async def held(core: Core, worker: JobWorker, count: int) -> list[str]:
    """The jobs that the worker holds for its next free slots, once there are so many."""
    await eventually(lambda: len(worker._reserve.claims) == count)
    return [claim.job_id for claim in worker._reserve.claims]


@dataclasses.dataclass
class Holding:
    """A worker whose slots are full until the gate opens, and that holds jobs meanwhile."""

    worker: JobWorker
    gate: Gate
    next_gate: Gate
    running: list[Job]
    jobs: list[Job]


@asynccontextmanager
async def holding(core: Core, watcher: Watcher, count: int, kind: str = "test") -> AsyncIterator[Holding]:
    gate, next_gate = Gate(), Gate()
    async with core.worker({"test": instant, "gate": gate, "next": next_gate}) as worker:
        await short_runs(core, watcher, worker)
        running = [await core.submit("gate") for _ in range(2)]
        await eventually(lambda: gate.runs == 2)
        jobs = [await core.submit(kind) for _ in range(count)]
        worker._slot_freed.set()
        await held(core, worker, count)
        yield Holding(worker, gate, next_gate, running, jobs)


async def test_a_job_held_for_the_next_free_slot_is_queued_and_runs_in_its_turn(
    core: Core, watcher: Watcher
) -> None:
    async with holding(core, watcher, 2) as full:
        assert await held(core, full.worker, 2) == [job.id for job in full.jobs]
        assert (await core.store.get("acme", full.jobs[0].id)).status is JobStatus.QUEUED
        full.gate.opened.set()
        for job in full.running + full.jobs:
            await watcher.terminal(job.id)
        for job in full.jobs:
            assert await core.event_types(job) == ["job.queued", "job.started", "job.succeeded"]
            assert (await core.store.get("acme", job.id)).document["attempt"] == 1


async def test_a_job_held_behind_a_long_run_is_handed_back_to_an_idle_worker(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with holding(core, watcher, 1) as full:
        monkeypatch.setattr("jobs.worker.prefetch.HOLD_S", 1)
        (job,) = full.jobs
        async with core.worker({"test": instant}):
            await watcher.terminal(job.id)
        assert (await core.store.get("acme", job.id)).document["attempt"] == 1
        full.gate.opened.set()


async def test_a_drain_hands_held_jobs_back_at_once(core: Core, watcher: Watcher) -> None:
    async with holding(core, watcher, 1) as full:
        (job,) = full.jobs
        full.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        await eventually(lambda: core.redis.zscore(keys.READY + "acme", job.id))
        assert full.gate.runs == 2
        full.gate.opened.set()
    assert (await core.store.get("acme", job.id)).status is JobStatus.QUEUED


async def test_a_worker_that_stops_without_a_grace_period_begins_nothing_more(
    core: Core, watcher: Watcher
) -> None:
    async with holding(core, watcher, 3, kind="next") as full:
        full.worker.handle_sig(signal.SIGTERM)
        await eventually(lambda: not full.worker.tasks)
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
        await held(core, full.worker, 0)
        full.gate.opened.set()
    assert await core.event_types(job) == ["job.queued", "job.cancelled"]


def be_patient(worker: JobWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, what waits for company waits until it comes."""
    worker._company = Company(3600)
    worker._round_trip = Company(3600)
    monkeypatch.setattr("jobs.worker.attempt.START_PATIENCE_S", 3600)


async def test_outcomes_that_wait_for_company_go_with_the_last_of_the_queue(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with holding(core, watcher, 2) as full:
        be_patient(full.worker, monkeypatch)
        full.gate.opened.set()
        for job in full.running + full.jobs:
            await watcher.terminal(job.id)
            assert await core.event_types(job) == ["job.queued", "job.started", "job.succeeded"]


@dataclasses.dataclass
class Beside:
    """A job under way beside a long one, on a worker that expects it to be short and others to end soon."""

    worker: JobWorker
    job: Job
    gate: Gate

    def start_is_due(self) -> None:
        """The start has waited long enough for the outcome."""
        attempt = self.worker._attempts[self.job.id]
        assert attempt._start_due is not None
        attempt._start_due.cancel()
        attempt._record_start()


@asynccontextmanager
async def beside_a_long_run(
    core: Core,
    watcher: Watcher,
    monkeypatch: pytest.MonkeyPatch,
    *,
    start_patience_s: float = 3600,
    **fields: Any,
) -> AsyncIterator[Beside]:
    long, short = Gate(), Gate()
    monkeypatch.setattr("jobs.worker.worker.RENEW_INTERVAL_S", 3600)
    async with core.worker({"test": instant, "long": long, "short": short}) as worker:
        await short_runs(core, watcher, worker)
        be_patient(worker, monkeypatch)
        monkeypatch.setattr("jobs.worker.attempt.START_PATIENCE_S", start_patience_s)
        await core.submit("long")
        await soon(long.begun)
        job = await core.submit("short", **fields)
        await soon(short.begun)
        yield Beside(worker, job, short)
        long.opened.set()


async def test_a_short_run_beside_a_long_one_waits_for_no_company(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with beside_a_long_run(core, watcher, monkeypatch) as short:
        await eventually(lambda: short.worker._round_trip._due is not None)  # it is in no hurry to look again
        short.gate.opened.set()
        await watcher.terminal(short.job.id)
        assert await core.event_types(short.job) == ["job.queued", "job.started", "job.succeeded"]


class StuckArtifacts:
    """Holds back what is put until it is let go, or refuses it."""

    def __init__(self, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
        self._put = core.artifacts.put
        self.tried = asyncio.Event()
        self.opened = asyncio.Event()
        self.refuses = False
        monkeypatch.setattr(core.artifacts, "put", self.put)

    async def put(self, path: str, body: bytes) -> None:
        self.tried.set()
        if self.refuses:
            raise StoreUnavailable("The bucket does not answer. Try again soon.")
        await self.opened.wait()
        await self._put(path, body)


async def test_a_free_slot_takes_the_next_job_while_the_last_outcome_is_being_written(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with beside_a_long_run(core, watcher, monkeypatch) as short:
        await eventually(lambda: short.worker._round_trip._due is not None)
        artifacts = StuckArtifacts(core, monkeypatch)
        short.gate.opened.set()
        await soon(artifacts.tried)
        short.gate.begun.clear()
        other = await core.submit("short")
        await soon(short.gate.begun)
        artifacts.opened.set()
        await watcher.terminal(other.id)


async def test_outcomes_take_along_the_claims_of_a_worker_whose_slots_stay_full(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.worker.prefetch.SHORT_RUN_S", 3600)
    async with holding(core, watcher, 2, kind="next") as full:
        round_trip, now = full.worker._round_trip, asyncio.get_running_loop().time
        round_trip._patience_s = 3600
        await eventually(lambda: round_trip._due is not None and round_trip._due.when() > now() + 60)
        more = [await core.submit() for _ in range(2)]
        artifacts = StuckArtifacts(core, monkeypatch)
        full.gate.opened.set()
        await eventually(lambda: full.next_gate.runs == 2)
        assert full.worker._reserve.claims == []  # it is in no hurry to look, and no outcome has left yet
        artifacts.opened.set()
        assert await held(core, full.worker, 2) == [job.id for job in more]
        full.next_gate.opened.set()


async def test_a_start_is_recorded_when_the_result_cannot_be_stored_for_long(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.worker.attempt._RETRY_STORE_S", 0.02)
    async with beside_a_long_run(core, watcher, monkeypatch) as short:
        artifacts = StuckArtifacts(core, monkeypatch)
        artifacts.refuses = True
        short.gate.opened.set()
        await soon(artifacts.tried)
        short.start_is_due()
        await watcher.wait_for(short.job.id, "job.started")
        artifacts.refuses = False
        artifacts.opened.set()
        await watcher.terminal(short.job.id)
    assert await core.event_types(short.job) == ["job.queued", "job.started", "job.succeeded"]


async def test_the_outcome_of_a_short_run_in_company_brings_its_start_along(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with beside_a_long_run(core, watcher, monkeypatch) as short:
        assert (await core.store.get("acme", short.job.id)).status is JobStatus.QUEUED
        short.gate.opened.set()
        await watcher.terminal(short.job.id)
    events = [json.loads(body) for body in await core.log.of_job("acme", short.job.id)]
    assert [event["type"] for event in events] == ["job.queued", "job.started", "job.succeeded"]
    assert events[1]["timestamp"] == events[2]["timestamp"]
    document = (await core.store.get("acme", short.job.id)).document
    assert (document["attempt"], document["version"]) == (1, 3)
    assert document["created_at"] <= document["started_at"] < document["finished_at"]


async def test_the_start_of_a_run_that_goes_on_is_recorded_though_it_has_company(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with beside_a_long_run(core, watcher, monkeypatch, start_patience_s=0.1) as short:
        await watcher.wait_for(short.job.id, "job.started")
        assert (await core.store.get("acme", short.job.id)).status is JobStatus.RUNNING


async def test_the_start_of_a_job_that_may_expire_does_not_wait(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with beside_a_long_run(core, watcher, monkeypatch, expires_in_ms=60_000) as short:
        await watcher.wait_for(short.job.id, "job.started")


async def test_a_run_in_company_ends_when_its_late_start_is_refused(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with beside_a_long_run(core, watcher, monkeypatch) as short:
        await core.store.cancel("acme", short.job.id)
        short.start_is_due()
        await soon(short.gate.interrupted)
    assert await core.event_types(short.job) == ["job.queued", "job.cancelled"]


async def test_the_outcome_of_a_run_in_company_that_was_cancelled_is_refused(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with beside_a_long_run(core, watcher, monkeypatch) as short:
        await core.store.cancel("acme", short.job.id)
        short.gate.opened.set()
        await eventually(lambda: short.job.id not in short.worker._attempts)
    assert await core.event_types(short.job) == ["job.queued", "job.cancelled"]


async def test_a_drain_hands_a_run_in_company_back_as_if_it_had_never_begun(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with beside_a_long_run(core, watcher, monkeypatch) as short:
        pass
    assert await core.event_types(short.job) == ["job.queued"]
    assert await core.redis.zscore(keys.READY + "acme", short.job.id) is not None
    assert await core.redis.zscore(keys.LEASES, short.job.id) is None


@pytest.mark.parametrize(("max_attempts", "end"), [(1, "job.failed"), (2, "job.retrying")])
async def test_a_run_in_company_that_fails_has_started_first(
    core: Core, watcher: Watcher, monkeypatch: pytest.MonkeyPatch, max_attempts: int, end: str
) -> None:
    async def crash(run: Run) -> Result:
        raise RendererCrashed("It died. Try again.")

    monkeypatch.setattr("jobs.worker.attempt.START_PATIENCE_S", 3600)
    monkeypatch.setattr("jobs.worker.attempt.backoff_ms", lambda attempt, jitter: 3_600_000)
    gate = Gate()
    async with core.worker({"test": instant, "long": gate, "crash": crash}) as worker:
        await short_runs(core, watcher, worker)
        await core.submit("long")
        await soon(gate.begun)
        job = await core.submit("crash", max_attempts=max_attempts)
        await watcher.wait_for(job.id, end)
        assert await core.event_types(job) == ["job.queued", "job.started", end]


async def test_handing_back_is_not_losing(core: Core) -> None:
    """A job may be held and handed back any number of times before a worker is lost with it."""
    job = await core.submit()
    for _ in range(15):
        (claim,) = (await core.queue.claim(1)).claims
        await core.queue.release(claim)
    (claim,) = (await core.queue.claim(1)).claims
    ends = await core.redis.zscore(keys.LEASES, job.id)
    await core.queue.claim(0, [ExpiredLease(job.id.encode(), f"{ends:.0f}".encode())])
    assert (await core.store.get("acme", job.id)).status is JobStatus.QUEUED


async def test_progress_of_the_current_run_is_kept_and_of_a_lost_one_is_not(core: Core) -> None:
    job = await core.submit()
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.report(claim, Progress(5, "layout"))
    assert (await core.store.get("acme", job.id)).document["progress"] is None
    await core.queue.start(claim)
    await core.queue.report(claim, Progress(40, "layout", 5))
    document = (await core.store.get("acme", job.id)).document
    assert document["progress"] == {"percent": 40, "stage": "layout", "page": 5}
    assert document["version"] == 2


async def test_a_scheduled_job_starts_when_it_is_due(core: Core, watcher: Watcher) -> None:
    async with core.worker({"test": instant}):
        job = await core.submit(scheduled_at_ms=await now_ms(core.redis) + 3_600_000)
        assert job.status is JobStatus.SCHEDULED
        await core.redis.zadd(keys.DUE, {job.id: await now_ms(core.redis) + 300})  # the hour passes
        await watcher.terminal(job.id)
    assert await core.event_types(job) == ["job.scheduled", "job.queued", "job.started", "job.succeeded"]


async def test_an_idle_worker_asks_the_store_for_little(core: Core, watcher: Watcher) -> None:
    async with core.worker({"test": instant}):
        job = await core.submit()
        await watcher.terminal(job.id)
        first = await calls(core)

        async def waited(times: int) -> bool:
            return (await calls(core))["blpop"] >= first["blpop"] + times

        await eventually(lambda: waited(2))
        then = await calls(core)
        await eventually(lambda: waited(5))
        last = await calls(core)
    # About once a second: a wait at the doorbell, a look at the queue (three ranges of its own), a cron poll.
    waits = last["blpop"] - then["blpop"]
    assert last["evalsha"] - then["evalsha"] <= waits + 3
    assert last["zrangebyscore"] - then["zrangebyscore"] <= 4 * (waits + 2)


async def calls(core: Core) -> dict[str, int]:
    """How often each command was called so far."""
    stats = await core.redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): int(stat["calls"]) for name, stat in stats.items()}
