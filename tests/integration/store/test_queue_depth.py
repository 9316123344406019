"""How many jobs wait, and for how long, as a scrape asks for it."""

from __future__ import annotations

import pytest

from jobs.core.errors.job import RendererCrashed
from jobs.core.job import Priority
from jobs.store import keys
from jobs.store.queue_depth import QueueDepth, Waiting, read_queue_depth
from jobs.store.scripts import Scripts
from testsupport.core import Core, now_ms

WAITING = f"{keys.WAITING}test:normal"


async def depth(core: Core) -> QueueDepth:
    return await read_queue_depth(Scripts(core.redis, core.settings), ["test", "other"])


async def waiting(core: Core) -> dict[tuple[str, str], int]:
    """The numbers of jobs that wait, by kind and priority; those that are not 0."""
    return {(each.kind, each.priority): each.jobs for each in (await depth(core)).waiting if each.jobs}


async def test_an_empty_queue_has_a_zero_for_each_kind_and_priority(core: Core) -> None:
    found = await depth(core)
    assert found == QueueDepth(
        0, 0, [Waiting(kind, priority, 0, 0.0) for kind in ("test", "other") for priority in Priority]
    )


async def test_jobs_are_counted_by_kind_and_priority(core: Core) -> None:
    for tenant in ("acme", "globex"):
        await core.submit(tenant=tenant)
    await core.submit("other", priority=Priority.HIGH)
    await core.submit_batch(b"{}", b"{}")
    assert await waiting(core) == {("test", "normal"): 4, ("other", "high"): 1}


async def test_a_job_waits_until_its_start_or_its_end_is_recorded(core: Core) -> None:
    cancelled, *_ = [await core.submit() for _ in range(4)]
    await core.store.cancel("acme", cancelled.id)
    claims = (await core.queue.claim(3)).claims
    assert (await depth(core)).claimed == 3
    assert await waiting(core) == {("test", "normal"): 3}
    await core.queue.start(claims[0])
    await core.queue.fail(claims[1], RendererCrashed("It died."), began_ms_ago=20)
    await core.queue.hand_back([claims[2]])
    assert await waiting(core) == {("test", "normal"): 1}


async def test_a_run_that_is_handed_back_waits_again(core: Core) -> None:
    await core.submit()
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.start(claim)
    assert await waiting(core) == {}
    await core.queue.release(claim)
    assert await waiting(core) == {("test", "normal"): 1}


async def test_scheduled_and_retrying_jobs_are_delayed_and_wait_from_when_they_are_due(core: Core) -> None:
    job = await core.submit()
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.retry(claim, RendererCrashed("It died."), 3_600_000, began_ms_ago=20)
    await core.submit(scheduled_at_ms=await now_ms(core.redis) + 3_600_000)
    found = await depth(core)
    assert (found.delayed, found.claimed) == (2, 0)
    assert await waiting(core) == {}
    await core.redis.zadd(keys.DUE, {job.id: 0})
    (again,) = (await core.queue.claim(1)).claims
    assert again.job_id == job.id
    assert await waiting(core) == {("test", "normal"): 1}


async def test_the_oldest_job_is_the_one_that_was_queued_first(core: Core) -> None:
    first = await core.submit()
    await core.submit()
    await core.redis.zadd(WAITING, {first.id: await now_ms(core.redis) - 60_000})
    (group,) = [each for each in (await depth(core)).waiting if each.jobs]
    assert 60 <= group.oldest_s < 3600
    await core.store.cancel("acme", first.id)
    (group,) = [each for each in (await depth(core)).waiting if each.jobs]
    assert group.oldest_s < 60


async def test_a_clock_that_was_set_back_shows_no_wait(core: Core) -> None:
    job = await core.submit()
    await core.redis.zadd(WAITING, {job.id: await now_ms(core.redis) + 3_600_000})
    assert {each.oldest_s for each in (await depth(core)).waiting} == {0.0}


async def test_what_an_earlier_release_began_or_lost_is_forgotten(core: Core) -> None:
    began, vanished, waits = [await core.submit() for _ in range(3)]
    await core.redis.hset(keys.JOB + began.id, "status", "running")  # type: ignore[misc]
    await core.redis.delete(keys.JOB + vanished.id)
    assert await waiting(core) == {("test", "normal"): 1}
    assert await core.redis.zrange(WAITING, 0, -1) == [waits.id.encode()]


async def test_a_job_that_an_earlier_release_queued_runs_without_being_counted(core: Core) -> None:
    await core.submit()
    await core.redis.delete(WAITING)
    assert await waiting(core) == {}
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.start(claim)
    assert await waiting(core) == {}


@pytest.mark.parametrize("priority", list(Priority))
async def test_a_claim_tells_its_priority_and_how_long_it_waited(core: Core, priority: Priority) -> None:
    job = await core.submit(priority=priority)
    await core.redis.hincrby(keys.JOB + job.id, "created", -60_000)  # type: ignore[misc]
    (claim,) = (await core.queue.claim(1)).claims
    assert claim.priority == priority
    assert claim.waited_ms is not None
    assert 60_000 <= claim.waited_ms < 3_600_000


async def test_a_scheduled_job_has_waited_since_it_was_due(core: Core) -> None:
    job = await core.submit(scheduled_at_ms=await now_ms(core.redis) + 3_600_000)
    due_ms = await now_ms(core.redis) - 1_000
    await core.redis.hset(  # type: ignore[misc]
        keys.JOB + job.id, mapping={"created": due_ms - 3_600_000, "scheduled": due_ms}
    )
    await core.redis.zadd(keys.DUE, {job.id: due_ms})
    (claim,) = (await core.queue.claim(1)).claims
    assert claim.waited_ms is not None
    assert 1_000 <= claim.waited_ms < 3_600_000


async def test_a_job_that_was_tried_before_tells_no_wait(core: Core) -> None:
    job = await core.submit()
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.retry(claim, RendererCrashed("It died."), 3_600_000, began_ms_ago=20)
    await core.redis.zadd(keys.DUE, {job.id: 0})
    (again,) = (await core.queue.claim(1)).claims
    assert again.waited_ms is None
