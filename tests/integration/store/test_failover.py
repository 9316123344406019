"""Sentinel makes a replica the primary, whose clock may be an hour behind or ahead: every job ends,
once, on the new primary."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from api.monitoring.readiness import Readiness
from jobs.core.errors.store import StoreUnavailable
from jobs.core.job import Job
from jobs.store.durability import read_facts
from testsupport.core import Core
from testsupport.event_watcher import Watcher
from testsupport.moved_clock import HOUR_MS, MovedScripts, set_clock
from testsupport.runners import Gate, instant
from testsupport.sentinel import SentinelGroup
from testsupport.waiting import DEADLINE_S, eventually

CLOCKS = pytest.mark.parametrize("ahead_ms", [0, -HOUR_MS, HOUR_MS], ids=["same", "behind", "ahead"])


@pytest.fixture
async def group(tmp_path: Path) -> AsyncIterator[SentinelGroup]:
    async with SentinelGroup.running(tmp_path) as group:
        yield group


@pytest.fixture
async def core(group: SentinelGroup, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(group.url, tmp_path / "data", open_scripts=MovedScripts, PRESSRUN_WORKER_SLOTS="2")
    yield core
    await core.redis.aclose()


async def set_clock_of_replica(group: SentinelGroup, ahead_ms: int) -> None:
    async with Redis.from_url(group.replica.url) as replica:
        await set_clock(replica, ahead_ms=ahead_ms)


async def accepted(core: Core) -> Job:
    """Submits as a client does, which tries again after 503."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                return await core.submit()
            except StoreUnavailable:
                await asyncio.sleep(StoreUnavailable.retry_after)


@CLOCKS
async def test_jobs_that_run_at_a_failover_end_once_and_those_that_wait_follow(
    core: Core, group: SentinelGroup, ahead_ms: int
) -> None:
    await set_clock_of_replica(group, ahead_ms)
    gate = Gate()
    async with (
        Watcher.following(core.redis) as watcher,
        core.worker({"test": gate}),
        core.worker({"test": gate}),
    ):
        jobs = [await core.submit() for _ in range(6)]
        await eventually(lambda: gate.runs == 4)
        for job in jobs[:4]:
            await watcher.wait_for(job.id, "job.started")
        await group.fail_over()
        later = await accepted(core)
        gate.opened.set()
        for job in [*jobs, later]:
            assert (await watcher.terminal(job.id)).type == "job.succeeded"
    assert gate.runs == 7
    for job in [*jobs, later]:
        assert await core.event_types(job) == ["job.queued", "job.started", "job.succeeded"]
    listed = await core.store.page("acme")
    assert [job.id for job in listed.items] == [job.id for job in [*jobs, later]][::-1]


@CLOCKS
async def test_the_job_of_a_worker_that_dies_with_the_primary_runs_again(
    core: Core, group: SentinelGroup, ahead_ms: int
) -> None:
    await set_clock_of_replica(group, ahead_ms)
    job = await core.submit()
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.start(claim)
    await group.fail_over()

    async with Watcher.following(core.redis) as watcher, core.worker({"test": instant}):
        assert (await watcher.terminal(job.id)).type == "job.succeeded"
    assert (await core.store.get("acme", job.id)).document["attempt"] == 2


async def test_readiness_says_what_a_failover_may_lose(core: Core, group: SentinelGroup) -> None:
    details = (await Readiness(core.redis, core.settings, core.artifacts).report(is_draining=False)).details
    assert details["store"]["durability"] == "always"
    assert details["store"]["replicas"] == 1
    assert any("even with durability always" in warning for warning in details["warnings"])


async def test_a_primary_that_needs_replicas_refuses_jobs_without_them(
    core: Core, group: SentinelGroup
) -> None:
    assert not (await read_facts(core.redis)).needs_replicas
    await core.redis.config_set("min-replicas-max-lag", 1)
    await core.redis.config_set("min-replicas-to-write", 1)
    assert (await read_facts(core.redis)).needs_replicas
    await accepted(core)
    await asyncio.to_thread(group.replica.stop)
    with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
        await core.submit()
