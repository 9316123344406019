"""Records vanish from the store, as if it had evicted them: that is said, and nothing waits for
them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from api.monitoring.readiness import Readiness
from jobs.core.job import Job, JobStatus
from jobs.store import keys
from jobs.store.queue import ExpiredLease
from jobs.store.queue_depth import read_queue_depth
from jobs.store.scripts import Scripts
from jobs.store.vanished import read_vanished
from testsupport.core import Core
from testsupport.event_watcher import Watcher
from testsupport.hooks import Hooks
from testsupport.runners import instant


async def vanish(core: Core, job: Job) -> None:
    await core.redis.delete(keys.JOB + job.id)


async def logged(core: Core) -> list[dict[str, Any]]:
    with capture_logs() as logs:
        await core.queue.sweep()
        await core.queue.sweep()
    return [dict(line) for line in logs if line["event"] == "store.records_vanished"]


async def test_a_queued_job_that_vanished_is_said_once_and_leaves_nothing_behind(core: Core) -> None:
    job = await core.submit(expires_in_ms=60_000)
    await vanish(core, job)
    assert (await core.queue.claim(1)).claims == []

    (line,) = await logged(core)
    assert (line["log_level"], line["jobs"], line["newest"]) == ("error", "1", job.id)
    details = (await Readiness(core.redis, core.settings, core.artifacts).report(is_draining=False)).details
    assert any(f"jobs: 1; the last one is {job.id}" in warning for warning in details["warnings"])
    await read_queue_depth(Scripts(core.redis, core.settings), ["test"])  # a scrape
    left = [key async for key in core.redis.scan_iter() if key not in (b"pr:tenant:acme", b"pr:log:acme")]
    for key in left:
        if await core.redis.type(key) == b"zset" and key != keys.GARBAGE.encode():
            assert await core.redis.zscore(key, job.id) is None, key
    assert not await core.redis.exists(keys.INPUT + job.id, keys.ARQ_JOB + job.id)


@pytest.mark.parametrize("where", ["scheduled", "claimed", "expiring", "finished"])
async def test_wherever_a_job_is_its_vanishing_is_noticed(core: Core, where: str) -> None:
    job = await core.submit(scheduled_at_ms=2**41 if where == "scheduled" else None, expires_in_ms=60_000)
    if where == "scheduled":
        await core.redis.zadd(keys.DUE, {job.id: 1})
    elif where == "claimed":
        await core.queue.claim(1)
        await core.redis.zadd(keys.LEASES, {job.id: 1})
    elif where == "expiring":
        await core.redis.zadd(keys.EXPIRY_STARTS, {job.id: 1})
    else:
        await core.store.cancel("acme", job.id)
        await core.redis.zadd(keys.EXPIRY_RECORDS, {job.id: 1})
    await vanish(core, job)
    await core.queue.claim(0, [ExpiredLease(job.id.encode(), b"1")])
    await core.queue.sweep()
    assert await read_vanished(core.redis) == {"jobs": "1", "newest": job.id}


async def test_a_listed_job_that_vanished_is_taken_off_the_lists_and_does_not_fill_the_queue(
    core: Core,
) -> None:
    kept, gone = await core.submit(), await core.submit()
    await vanish(core, gone)
    for _ in range(2):
        listed = await core.store.page("acme", status=JobStatus.QUEUED)
        assert [job.id for job in listed.items] == [kept.id]
    assert await core.redis.zcard(f"{keys.JOBS}acme:queued") == 1
    assert await read_vanished(core.redis) == {"jobs": "1", "newest": gone.id}


async def test_a_batch_with_a_job_that_vanished_can_be_cancelled(core: Core) -> None:
    batch = await core.submit_batch(b"{}", b"{}")
    await core.redis.delete(keys.JOB + batch["job_ids"][0])
    await core.batches.cancel("acme", batch["id"])
    assert (await core.store.get("acme", batch["job_ids"][1])).status is JobStatus.CANCELLED
    assert (await read_vanished(core.redis))["jobs"] == "1"


async def test_a_job_whose_arq_entry_vanished_runs(core: Core) -> None:
    job = await core.submit()
    await core.redis.delete(keys.ARQ_JOB + job.id)
    async with Watcher.following(core.redis) as watcher, core.worker({"test": instant}):
        if not (await core.store.get("acme", job.id)).is_terminal:
            assert (await watcher.terminal(job.id)).type == "job.succeeded"
    assert (await core.store.get("acme", job.id)).document["attempt"] == 1


async def test_nothing_is_said_if_jobs_are_deleted_in_order(core: Core) -> None:
    job = await core.submit()
    await core.store.cancel("acme", job.id)
    await core.store.delete("acme", job.id)
    await core.store.page("acme")
    await core.queue.claim(1)
    assert await logged(core) == []


async def test_a_delivery_that_vanished_is_noticed_and_the_others_are_sent(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    hooks = await Hooks.open(redis_url, tmp_path, scripted=True, virtual=True)
    endpoint = await hooks.endpoint()
    await hooks.events(2)
    gone, kept = await hooks.deliveries_to(endpoint)
    await redis.delete(keys.DELIVERY + gone.id)
    await hooks.work()
    assert [json.loads(request.body)["id"] for request in hooks.sender.sent] == [kept.event_id]
    assert await read_vanished(redis) == {"deliveries": "1", "newest": gone.id}
    assert [delivery.id for delivery in await hooks.deliveries_to(endpoint)] == [kept.id]
    await hooks.close()


async def test_a_delivery_that_vanished_stops_neither_recovery_nor_the_sweep(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    hooks = await Hooks.open(redis_url, tmp_path, scripted=True, virtual=True)
    endpoint = await hooks.endpoint()
    index = f"{keys.DELIVERIES}{endpoint.id}:exhausted"
    await redis.zadd(index, {"whd_gone": hooks.now_ms})
    await hooks.scripts.call(
        "webhook_again", tenant="acme", target_id=endpoint.id, since_ms=0, limit=10, delivery_id=None
    )
    assert await redis.zcard(index) == 0
    await redis.zadd(f"{keys.DELIVERIES}{endpoint.id}", {"whd_lost": hooks.now_ms})
    await hooks.endpoints.delete("acme", endpoint.id)
    while await hooks.queue.sweep():
        pass
    assert (await read_vanished(redis))["deliveries"] == "2"
    await hooks.close()
