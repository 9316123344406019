"""What a worker counts."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.registry import CollectorRegistry

from jobs.core.errors.job import RendererCrashed, RenderTimeout
from jobs.core.job import JobStatus, Result
from jobs.kinds import Run
from jobs.monitoring.store import StoreMetrics
from jobs.store import keys
from jobs.store.scripts import Scripts
from jobs.worker.metrics import WorkerMetrics
from testsupport.core import Core
from testsupport.event_watcher import Watcher
from testsupport.runners import Gate, instant
from testsupport.waiting import eventually


class Counted:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = WorkerMetrics(self.registry)

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0

    def ended(self, status: JobStatus, code: str = "", priority: str = "normal") -> float:
        return self.value(
            "pressrun_jobs_ended_total", kind="test", priority=priority, status=status, code=code
        )

    def attempts(self, outcome: str) -> float:
        return self.value("pressrun_job_attempts_total", kind="test", outcome=outcome)


@pytest.fixture
def counted() -> Counted:
    return Counted()


async def test_successes_are_counted_with_their_sizes(core: Core, watcher: Watcher, counted: Counted) -> None:
    async def rendered(run: Run) -> Result:
        details = {"pages": 3, "render_ms": 250, "peak_memory_bytes": 2**26, "cached": False}
        return Result(body=b"x" * 1000, content_type="text/plain", filename="x.txt", details=details)

    async with core.worker({"test": rendered}, metrics=counted.metrics) as worker:
        worker.signals.ended.watch()
        job = await core.submit(priority="high")
        await watcher.terminal(job.id)
        await worker.signals.ended.next()
    assert counted.ended(JobStatus.SUCCEEDED, priority="high") == 1
    assert counted.attempts("succeeded") == 1
    assert counted.value("pressrun_render_seconds_sum", kind="test") == 0.25
    assert counted.value("pressrun_render_pages_sum", kind="test") == 3
    assert counted.value("pressrun_render_peak_memory_bytes_sum", kind="test") == 2**26
    assert counted.value("pressrun_result_bytes_sum", kind="test") == 1000
    assert counted.value("pressrun_job_wait_seconds_count", kind="test", priority="high") == 1
    assert counted.value("pressrun_worker_slots") == core.settings.worker_slots
    assert counted.value("pressrun_worker_busy_slots") == 0


async def test_a_result_that_was_reused_is_no_render(core: Core, watcher: Watcher, counted: Counted) -> None:
    async def reused(run: Run) -> Result:
        details = {"pages": 3, "render_ms": 250, "cached": True}
        return Result(body=b"x", content_type="text/plain", filename="x.txt", details=details)

    async with core.worker({"test": reused}, metrics=counted.metrics) as worker:
        worker.signals.ended.watch()
        await core.submit()
        await worker.signals.ended.next()
    assert counted.value("pressrun_results_reused_total", kind="test") == 1
    assert counted.value("pressrun_render_seconds_count", kind="test") == 0


async def test_failures_and_retries_are_counted_by_code(
    core: Core, watcher: Watcher, counted: Counted
) -> None:
    async def crashes(run: Run) -> Result:
        if run.claim.attempt == 0:
            raise RendererCrashed("It died.")
        raise RenderTimeout("It took too long.")

    async with core.worker({"test": crashes}, metrics=counted.metrics) as worker:
        worker.signals.ended.watch()
        job = await core.submit()
        await worker.signals.ended.next()
        await core.redis.zadd(keys.DUE, {job.id: 0})
        await worker.signals.ended.next()
    assert counted.value("pressrun_job_retries_total", kind="test", code="renderer_crashed") == 1
    assert counted.ended(JobStatus.FAILED, "render_timeout") == 1
    assert (counted.attempts("retrying"), counted.attempts("failed")) == (1, 1)
    assert counted.value("pressrun_job_wait_seconds_count", kind="test", priority="normal") == 1, (
        "only before the first attempt"
    )


async def test_interrupted_attempts_are_counted_by_reason(
    core: Core, watcher: Watcher, counted: Counted
) -> None:
    gate = Gate()
    async with core.worker({"test": gate}, metrics=counted.metrics) as worker:
        worker.signals.ended.watch()
        job = await core.submit()
        await asyncio.wait_for(gate.begun.wait(), 30)
        assert counted.value("pressrun_worker_busy_slots") == 1
        await core.store.cancel("acme", job.id)
        await worker.signals.ended.next()
        assert counted.attempts("cancelled") == 1
        gate.begun.clear()
        await core.submit()
        await asyncio.wait_for(gate.begun.wait(), 30)
    assert counted.attempts("released") == 1


async def test_the_worker_that_gives_a_job_up_counts_it(core: Core, counted: Counted) -> None:
    job = await core.submit(expires_in_ms=3_600_000)
    await core.redis.zadd(keys.EXPIRY_STARTS, {job.id: 0})
    async with core.worker({"test": instant}, metrics=counted.metrics):
        await eventually(lambda: counted.ended(JobStatus.FAILED, "job_expired") == 1)


async def test_a_job_whose_workers_were_lost_is_told_with_the_claims(core: Core) -> None:
    job = await core.submit(max_attempts=1)
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.start(claim)
    await core.redis.zadd(keys.LEASES, {job.id: 0})
    expired = (await core.queue.claim(1)).expired
    (given_up,) = (await core.queue.claim(1, expired)).given_up
    assert given_up == (job.id, "test", "normal", "worker_lost")


async def test_what_alerts_watch_begins_at_zero(core: Core, counted: Counted) -> None:
    async with core.worker({"test": instant}, metrics=counted.metrics) as worker:
        worker.signals.looked.watch()
        await worker.signals.looked.next()
    labels = {"kind": "test", "priority": "low", "status": "failed", "code": "worker_lost"}
    assert counted.registry.get_sample_value("pressrun_jobs_ended_total", labels) == 0


async def test_round_trips_to_the_store_are_counted(core: Core) -> None:
    registry = CollectorRegistry()
    scripts = Scripts(core.redis, core.settings, StoreMetrics(registry))
    for _ in range(2):
        await asyncio.gather(*(scripts.call("batch_get", tenant="acme", id=f"batch_{n}") for n in range(3)))
    steps = registry.get_sample_value("pressrun_store_steps_total")
    round_trips = registry.get_sample_value("pressrun_store_round_trip_seconds_count")
    assert steps is not None
    assert round_trips is not None
    assert steps >= 6, "and once more for each that the store did not know"
    assert 0 < round_trips < steps
