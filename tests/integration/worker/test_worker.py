"""The worker on a real store: claiming, leases, cancelling, draining, back-off."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import signal
import time
from collections import Counter

import pytest

from jobs.core.errors.job import RendererCrashed, RenderTimeout
from jobs.core.job import JobStatus, Progress, Result
from jobs.fonts.tenant_fonts import TenantFonts
from jobs.kinds import Run, Runner
from jobs.store import keys
from jobs.store.client import connect
from jobs.store.queue import ExpiredLease
from jobs.worker.worker import CRON_STALE_MS, JobWorker
from testsupport.core import Core, now_ms
from testsupport.event_watcher import Watcher
from testsupport.runners import Gate, instant
from testsupport.waiting import eventually, soon


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
        worker.signals.ended.watch()
        job = await core.submit()
        await soon(gate.begun)
        await watcher.wait_for(job.id, "job.started")
        await core.store.cancel("acme", job.id)
        await soon(gate.interrupted)
        assert (await worker.signals.ended.next()).job_id == job.id
        other = await core.submit()
        gate.opened.set()
        await watcher.terminal(other.id)
        assert (await worker.signals.ended.next()).job_id == other.id
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


@pytest.mark.parametrize("arguments", ["[]", '["job_1", 2]', "null"])
async def test_other_jobs_run_if_the_entry_of_one_does_not_fit_this_release(
    core: Core, watcher: Watcher, arguments: str
) -> None:
    unfit = await core.submit()
    entry = f'{{"t":null,"f":"run_claim","a":{arguments},"k":{{}},"et":1}}'
    await core.redis.set(keys.ARQ_JOB + unfit.id, entry)
    async with core.worker({"test": instant}):
        other = await core.submit()
        await watcher.terminal(other.id)
    assert (await core.store.get("acme", unfit.id)).status is JobStatus.QUEUED


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
        connect(core.settings),
        core.queue,
        core.settings,
        TenantFonts(core.fonts),
        start=start,
        stop=stop,
        handle_signals=False,
    )
    worker.signals.ready.watch()
    running = asyncio.create_task(worker.async_run())
    await worker.signals.ready.next()
    worker.tasks["cron:sweep"] = asyncio.create_task(asyncio.sleep(3600))
    running.cancel()
    await asyncio.wait([running])
    await worker.close()
    assert stopped.is_set()


@pytest.mark.parametrize("left", ["half done", "without its entry"])
async def test_a_sweep_that_a_dead_worker_has_left_is_dropped_without_a_word(
    core: Core, caplog: pytest.LogCaptureFixture, left: str
) -> None:
    planned_ms = int(time.time() * 1000) - CRON_STALE_MS - 1
    job_id = f"cron:sweep:{planned_ms}"
    await core.redis.enqueue_job("cron:sweep", _job_id=job_id, _queue_name=keys.CRON_QUEUE)
    await core.redis.zadd(keys.CRON_QUEUE, {job_id: planned_ms})
    if left == "half done":
        await core.redis.set(f"arq:retry:{job_id}", 1)
    else:
        await core.redis.delete(f"arq:job:{job_id}")
    async with core.worker({"test": instant}):

        async def gone() -> bool:
            return await core.redis.zscore(keys.CRON_QUEUE, job_id) is None

        await eventually(gone)
    assert not await core.redis.keys(f"arq:*{job_id}")
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []


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
    # About once a second: a wait at the doorbell, a look at the queue (five ranges: starts that
    # expire, retries, what is due, leases that ended or end too late), a cron poll.
    waits = last["blpop"] - then["blpop"]
    assert last["evalsha"] - then["evalsha"] <= waits + 3
    assert last["zrangebyscore"] - then["zrangebyscore"] <= 6 * (waits + 1)


async def calls(core: Core) -> Counter[str]:
    """How often each command was called so far."""
    stats = await core.redis.info("commandstats")
    return Counter({name.removeprefix("cmdstat_"): int(stat["calls"]) for name, stat in stats.items()})
