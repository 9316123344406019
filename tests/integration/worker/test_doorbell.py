"""A worker with nothing to do stands at the doorbell, and what it claims comes with the ring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from jobs.store import keys
from jobs.store.queue import ClaimBatch
from testsupport.core import Core, now_ms
from testsupport.waiting import DEADLINE_S, eventually


@pytest.fixture
async def core(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path)
    await core.queue.claim(1)  # the store knows the script
    yield core
    await core.redis.aclose()


PATIENCE_MS = 4_000
"""How long one stands at the doorbell here: as long as is below the wait for any answer."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.store.queue.BLOCK_MS", PATIENCE_MS)


@asynccontextmanager
async def standing(core: Core, want: int = 1) -> AsyncIterator[asyncio.Task[ClaimBatch]]:
    """Somebody who stands at the doorbell."""
    task = asyncio.create_task(core.queue.claim_when_rung(want, PATIENCE_MS))
    await eventually(lambda: blocked(core.redis, 1))
    yield task
    task.cancel()


async def blocked(redis: Redis, count: int) -> bool:
    return int((await redis.info("clients"))["blocked_clients"]) == count


async def test_the_job_comes_with_the_ring(core: Core) -> None:
    async with standing(core) as task:
        job = await core.submit()
        async with asyncio.timeout(DEADLINE_S):
            (claim,) = (await task).claims
    assert (claim.job_id, claim.number) == (job.id, 1)


async def test_one_ring_brings_no_more_than_was_wanted(core: Core) -> None:
    async with standing(core) as task:
        jobs = [await core.submit() for _ in range(3)]
        assert [claim.job_id for claim in (await task).claims] == [jobs[0].id]
    assert len((await core.queue.claim(5)).claims) == 2


async def test_nobody_rings_and_the_look_is_taken_all_the_same(core: Core) -> None:
    haul = await core.queue.claim_when_rung(1, 1)
    assert (haul.claims, haul.expired, haul.next_due_ms) == ([], [], None)


async def test_a_job_that_is_due_meanwhile_is_found_when_the_time_is_over(core: Core) -> None:
    job = await core.submit(scheduled_at_ms=await now_ms(core.redis) + 3_600_000)
    assert (await core.queue.claim(1)).claims == []
    await core.redis.zadd(keys.DUE, {job.id: await now_ms(core.redis) + 50})
    (claim,) = (await core.queue.claim_when_rung(1, 200)).claims
    assert claim.job_id == job.id


async def test_a_store_that_has_lost_its_scripts_is_told_them_again(core: Core) -> None:
    job = await core.submit()
    await core.redis.script_flush()
    (claim,) = (await core.queue.claim_when_rung(1, 1)).claims
    assert claim.job_id == job.id


async def test_who_dies_at_the_doorbell_takes_no_job_along(core: Core) -> None:
    async with standing(core) as task:
        task.cancel()
        await asyncio.wait([task])
        await eventually(lambda: blocked(core.redis, 0))
        job = await core.submit()
        (claim,) = (await core.queue.claim(1)).claims
    assert (claim.job_id, claim.number) == (job.id, 1)
