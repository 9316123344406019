"""An idle worker waits at the doorbell, and the claimed job arrives with the ring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from jobs.store import keys
from jobs.store.queue import ClaimBatch, JobQueue
from jobs.store.scripts import Scripts
from testsupport.core import Core, now_ms
from testsupport.waiting import DEADLINE_S, eventually

BLOCK_MS = 4_000
"""How long a worker waits at the doorbell here: shorter than the limit for any answer."""


@pytest.fixture
async def core(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path)
    scripts = Scripts(core.redis, core.settings)
    core.queue = JobQueue(core.redis, scripts, core.artifacts, block_ms=BLOCK_MS)
    await core.queue.claim(1)  # the store knows the script
    yield core
    await core.redis.aclose()


@asynccontextmanager
async def waiting(core: Core, want: int = 1) -> AsyncIterator[asyncio.Task[ClaimBatch]]:
    """A claim that waits at the doorbell."""
    task = asyncio.create_task(core.queue.claim_when_rung(want, BLOCK_MS))
    await eventually(lambda: clients_blocked(core.redis, 1))
    yield task
    task.cancel()


async def clients_blocked(redis: Redis, count: int) -> bool:
    return int((await redis.info("clients"))["blocked_clients"]) == count


async def test_a_ring_brings_the_claimed_job(core: Core) -> None:
    async with waiting(core) as task:
        job = await core.submit()
        async with asyncio.timeout(DEADLINE_S):
            (claim,) = (await task).claims
    assert (claim.job_id, claim.number) == (job.id, 1)


async def test_one_ring_brings_no_more_than_was_wanted(core: Core) -> None:
    async with waiting(core) as task:
        jobs = [await core.submit() for _ in range(3)]
        assert [claim.job_id for claim in (await task).claims] == [jobs[0].id]
    assert len((await core.queue.claim(5)).claims) == 2


async def test_the_claim_runs_also_if_nothing_rings(core: Core) -> None:
    batch = await core.queue.claim_when_rung(1, 1)
    assert (batch.claims, batch.expired, batch.next_due_ms) == ([], [], None)


async def test_a_job_that_becomes_due_during_the_wait_is_claimed_after_it(core: Core) -> None:
    job = await core.submit(scheduled_at_ms=await now_ms(core.redis) + 3_600_000)
    assert (await core.queue.claim(1)).claims == []
    await core.redis.zadd(keys.DUE, {job.id: await now_ms(core.redis) + 50})
    (claim,) = (await core.queue.claim_when_rung(1, 200)).claims
    assert claim.job_id == job.id


async def test_a_store_that_has_lost_its_scripts_gets_them_again(core: Core) -> None:
    job = await core.submit()
    await core.redis.script_flush()
    (claim,) = (await core.queue.claim_when_rung(1, 1)).claims
    assert claim.job_id == job.id


async def test_a_worker_that_dies_at_the_doorbell_claims_nothing(core: Core) -> None:
    async with waiting(core) as task:
        task.cancel()
        await asyncio.wait([task])
        await eventually(lambda: clients_blocked(core.redis, 0))
        job = await core.submit()
        (claim,) = (await core.queue.claim(1)).claims
    assert (claim.job_id, claim.number) == (job.id, 1)
