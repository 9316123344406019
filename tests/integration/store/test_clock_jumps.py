"""The clock of the store is set back or ahead by an hour, as after a failover to another machine:
every job ends, once, and lists keep their order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from jobs.core.errors.job import RendererCrashed
from jobs.core.job import JobStatus, Result
from jobs.kinds import Run
from jobs.store import keys
from testsupport.core import Core, now_ms
from testsupport.event_watcher import Watcher
from testsupport.moved_clock import HOUR_MS, MovedScripts, set_clock
from testsupport.runners import Gate, instant

JUMPS = pytest.mark.parametrize("jump_ms", [-HOUR_MS, HOUR_MS], ids=["back", "ahead"])


@pytest.fixture
async def core(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path, open_scripts=MovedScripts)
    yield core
    await core.redis.aclose()


@JUMPS
@pytest.mark.parametrize("started", [True, False], ids=["started", "claimed"])
async def test_another_worker_runs_the_job_of_one_that_died_before_the_jump(
    core: Core, jump_ms: int, started: bool
) -> None:
    job = await core.submit()
    (claim,) = (await core.queue.claim(1)).claims
    if started:
        await core.queue.start(claim)
    await set_clock(core.redis, ahead_ms=jump_ms)

    async with Watcher.following(core.redis) as watcher, core.worker({"test": instant}):
        assert (await watcher.terminal(job.id)).type == "job.succeeded"

    ended = await core.store.get(job.tenant, job.id)
    assert ended.document["attempt"] == (2 if started else 1)
    assert await core.redis.zcard(keys.LEASES) == 0


@JUMPS
async def test_a_worker_that_lives_keeps_its_jobs_over_a_jump(core: Core, jump_ms: int) -> None:
    gate = Gate()
    async with (
        Watcher.following(core.redis) as watcher,
        core.worker({"test": gate}) as one,
        core.worker({"test": gate}) as two,
    ):
        jobs = [await core.submit() for _ in range(2)]
        for job in jobs:
            await watcher.wait_for(job.id, "job.started")
        await set_clock(core.redis, ahead_ms=jump_ms)
        for worker in (one, two):
            worker.signals.looked.watch()
        looks = 0
        while looks < 8:  # one a second and worker: longer than a lease, and another
            await one.signals.looked.next()
            await two.signals.looked.next()
            looks += 1
        gate.opened.set()
        for job in jobs:
            assert (await watcher.terminal(job.id)).type == "job.succeeded"
    assert gate.runs == 2


@JUMPS
async def test_a_retry_that_was_planned_before_the_jump_is_made(core: Core, jump_ms: int) -> None:
    failures = iter([RendererCrashed("once")])

    async def fails_once(run: Run) -> Result:
        for failure in failures:
            raise failure
        return await instant(run)

    async with Watcher.following(core.redis) as watcher, core.worker({"test": fails_once}):
        job = await core.submit(max_attempts=2)
        await watcher.wait_for(job.id, "job.retrying")
        await set_clock(core.redis, ahead_ms=jump_ms)
        assert (await watcher.terminal(job.id)).type == "job.succeeded"
    assert await core.redis.zcard(keys.DUE) == await core.redis.zcard(keys.DUE_PLANNED) == 0


async def test_a_retry_waits_its_whole_pause_again_if_the_clock_was_set_back(core: Core) -> None:
    job = await core.submit(max_attempts=2)
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.start(claim)
    await core.queue.retry(claim, RendererCrashed("once"), 60_000)
    await set_clock(core.redis, ahead_ms=-HOUR_MS)

    before_ms = await now_ms(core.redis) - HOUR_MS
    looked = await core.queue.claim(1)
    after_ms = await now_ms(core.redis) - HOUR_MS

    assert looked.claims == []
    due_ms = await core.redis.zscore(keys.DUE, job.id)
    assert before_ms - 1000 <= due_ms - 60_000 <= after_ms
    assert await core.queue.claim(1) is not None
    assert await core.redis.zscore(keys.DUE, job.id) == due_ms, "it is planned again once"


async def test_a_time_that_the_client_chose_stays(core: Core) -> None:
    at_ms = await now_ms(core.redis) + HOUR_MS
    job = await core.submit(scheduled_at_ms=at_ms)
    await set_clock(core.redis, ahead_ms=-HOUR_MS)
    assert (await core.queue.claim(1)).claims == []
    assert await core.redis.zscore(keys.DUE, job.id) == at_ms


async def test_lists_are_newest_first_after_the_clock_was_set_back(core: Core) -> None:
    fields = {"tags": ("invoice",)}
    ids = [(await core.submit(**fields)).id for _ in range(3)]
    await set_clock(core.redis, ahead_ms=-HOUR_MS)
    ids += [(await core.submit(**fields)).id for _ in range(3)]
    newest_first = ids[::-1]

    assert [job.id for job in (await core.store.page("acme")).items] == newest_first
    assert [job.id for job in (await core.store.page("acme", tag="invoice")).items] == newest_first
    paged: list[str] = []
    cursor = None
    while cursor is not None or not paged:
        page = await core.store.page("acme", limit=2, cursor=cursor)
        paged += [job.id for job in page.items]
        cursor = page.next_cursor
    assert paged == newest_first

    async with Watcher.following(core.redis) as watcher, core.worker({"test": instant}):
        for job_id in ids:
            if not (await core.store.get("acme", job_id)).is_terminal:
                await watcher.terminal(job_id)
    succeeded = await core.store.page("acme", status=JobStatus.SUCCEEDED)
    assert [job.id for job in succeeded.items] == newest_first


async def test_a_batch_is_listed_as_a_whole_after_the_clock_was_set_back(core: Core) -> None:
    await core.submit()
    await set_clock(core.redis, ahead_ms=-HOUR_MS)
    batch = await core.submit_batch(b"{}", b"{}", b"{}")
    listed = await core.store.page("acme", batch_id=batch["id"])
    assert [job.id for job in listed.items] == batch["job_ids"][::-1]


async def test_what_has_waited_longer_runs_first_after_the_clock_was_set_back(core: Core) -> None:
    ids = [(await core.submit()).id]
    await set_clock(core.redis, ahead_ms=-HOUR_MS)
    ids += [(await core.submit()).id for _ in range(2)]
    low = await core.submit(priority="low")
    claimed = await core.queue.claim(4)
    assert [claim.job_id for claim in claimed.claims] == [*ids, low.id]


async def test_the_times_of_a_job_and_of_its_events_do_not_go_back(core: Core) -> None:
    job = await core.submit()
    await set_clock(core.redis, ahead_ms=-HOUR_MS)
    async with Watcher.following(core.redis) as watcher, core.worker({"test": instant}):
        await watcher.terminal(job.id)

    document = (await core.store.get("acme", job.id)).document
    assert document["created_at"] <= document["started_at"] <= document["finished_at"]
    events = [json.loads(body) for body in await core.log.of_job("acme", job.id)]
    assert [event["data"]["job"]["version"] for event in events] == [1, 2, 3]
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)


async def test_clients_of_a_process_that_is_gone_are_not_counted_until_the_clock_has_caught_up(
    core: Core,
) -> None:
    async def exchange(process: str) -> list[int]:
        counts: list[int] = await MovedScripts(core.redis, core.settings).call(
            "connection_counts",
            tenant="acme",
            process=process,
            connections=3,
            subscriptions=5,
            lease_ms=15_000,
        )
        return counts

    await exchange("gone")
    assert await exchange("alive") == [3, 5]
    await set_clock(core.redis, ahead_ms=-HOUR_MS)
    assert await exchange("alive") == [0, 0]
