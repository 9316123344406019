"""Batches are accepted whole or not at all, and completed once, even if a process dies
in between."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from jobs.core.errors.request import IdempotencyKeyReused, JobNotFound, QueueFull
from jobs.core.errors.store import ArtifactMissing
from jobs.core.job import INLINE_INPUT_MAX_BYTES, Result
from jobs.core.settings import LOCAL_TENANT, Settings
from jobs.store import keys
from jobs.store.artifacts import input_path
from jobs.store.queue import ExpiredLease
from testsupport.core import Core, batch_of
from testsupport.event_watcher import Watcher
from testsupport.runners import instant
from testsupport.waiting import DEADLINE_S
from testsupport.web_server import serving

SMALL = b'{"input":{},"options":{}}'
BIG = b'{"input":{"html":"' + b"x" * INLINE_INPUT_MAX_BYTES + b'"},"options":{}}'
RESULT = Result(body=b"%PDF-", content_type="application/pdf", filename="a.pdf")


@pytest.fixture
async def core(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path, PRESSRUN_MAX_QUEUED="5")
    yield core
    await core.redis.aclose()


async def log_of(core: Core, tenant: str = "acme") -> list[dict[str, object]]:
    return [json.loads(body) for body in (await core.log.page(tenant, None, 1000)).bodies]


async def test_a_batch_is_completed_when_its_last_job_ends(core: Core) -> None:
    submitted = await core.batches.submit(batch_of(SMALL, BIG, SMALL, metadata={"run": 7}))
    assert submitted.cursor.endswith(".3"), "after the first events of all three"
    batch = json.loads(submitted.document)
    assert batch["status"] == "running"

    async with Watcher.following(core.redis) as watcher, core.worker({"test": instant}):
        for job_id in batch["job_ids"]:
            await watcher.terminal(job_id)

    document = await core.batches.batch("acme", batch["id"])
    assert (document["status"], document["total"], document["succeeded"]) == ("completed", 3, 3)
    assert document["metadata"] == {"run": 7}
    events = await log_of(core)
    assert events[-1]["type"] == "batch.completed"
    assert events[-1]["data"] == {"batch": document}


async def test_a_batch_that_exceeds_the_queue_limit_leaves_nothing_behind(core: Core) -> None:
    await core.submit()
    batch = batch_of(*[BIG] * 5)
    with pytest.raises(QueueFull):
        await core.batches.submit(batch)
    assert len((await core.store.page("acme")).items) == 1
    for job in batch.jobs:
        with pytest.raises(ArtifactMissing):
            await core.artifacts.get(input_path("acme", job.job_id))
        with pytest.raises(JobNotFound):
            await core.store.get("acme", job.job_id)


async def test_repeating_a_batch_with_its_idempotency_key_returns_the_same_batch(core: Core) -> None:
    first = batch_of(BIG, idempotency_key="k", content_digest="d1")
    again = dataclasses.replace(batch_of(BIG), idempotency_key="k", content_digest="d1")
    submitted = await core.batches.submit(first)
    replayed = await core.batches.submit(again)
    assert replayed.replayed
    assert replayed.document == submitted.document
    with pytest.raises(ArtifactMissing):
        await core.artifacts.get(input_path("acme", again.jobs[0].job_id))

    with pytest.raises(IdempotencyKeyReused):
        await core.batches.submit(batch_of(SMALL, idempotency_key="k", content_digest="d2"))
    with pytest.raises(IdempotencyKeyReused):
        await core.submit(idempotency_key="k", content_digest="d1")
    await core.submit(idempotency_key="j", content_digest="d1")
    with pytest.raises(IdempotencyKeyReused):
        await core.batches.submit(batch_of(SMALL, idempotency_key="j", content_digest="d1"))


async def test_an_outcome_sent_twice_is_counted_once(core: Core) -> None:
    batch = await core.submit_batch(SMALL, SMALL)
    for claim in (await core.queue.claim(2)).claims:
        await core.queue.start(claim)
        path = await core.queue.store_result(claim, RESULT)
        for _ in range(2):  # the first answer was lost
            await core.queue.succeed(claim, RESULT, path)
    assert (await core.batches.batch("acme", batch["id"]))["succeeded"] == 2
    assert [event["type"] for event in await log_of(core)].count("batch.completed") == 1


async def test_a_job_that_loses_its_worker_on_every_attempt_counts_as_failed(core: Core) -> None:
    batch = await core.submit_batch(SMALL)
    for _ in range(3):  # every attempt
        (claim,) = (await core.queue.claim(1)).claims
        await core.queue.start(claim)
        ends = await core.redis.zscore(keys.LEASES, claim.job_id)
        await core.queue.claim(0, [ExpiredLease(claim.job_id.encode(), f"{ends:.0f}".encode())])
    document = await core.batches.batch("acme", batch["id"])
    assert (document["status"], document["failed"]) == ("completed", 1)


async def test_a_batch_outlives_its_jobs_and_has_an_expiry(core: Core) -> None:
    batch = await core.submit_batch(SMALL)
    (job_id,) = batch["job_ids"]
    await core.store.cancel("acme", job_id)
    await core.store.delete("acme", job_id)
    assert (await core.batches.batch("acme", batch["id"]))["cancelled"] == 1
    assert await core.redis.exists(f"{keys.BATCH}acme:{batch['id']}") == 0
    left_ms = await core.redis.pttl(keys.BATCH_RECORD + batch["id"])
    assert 0 < left_ms <= core.settings.record_ttl * 1000


async def test_a_running_batch_does_not_expire(core: Core) -> None:
    batch = await core.submit_batch(SMALL, SMALL)
    await core.store.cancel("acme", batch["job_ids"][0])
    assert await core.redis.pttl(keys.BATCH_RECORD + batch["id"]) == -1


async def test_the_webhook_url_of_a_batch_receives_only_the_completion(core: Core) -> None:
    batch = await core.submit_batch(SMALL, webhook_url="https://example.com/hook")
    await core.batches.cancel("acme", batch["id"])
    entries = await core.redis.xrange(keys.OUTBOX)
    assert len(entries) == 1
    event = await core.redis.hgetall(f"{keys.EVENT}acme:{entries[0][1][b's'].decode()}")
    assert (event[b"type"], event[b"url"]) == (b"batch.completed", b"https://example.com/hook")


async def test_a_subscriber_to_a_batch_gets_its_document_and_then_its_events_up_to_the_completion(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    settings = Settings.from_env({"REDIS_URL": redis_url, "PRESSRUN_DATA_DIR": str(tmp_path / "data")})
    core = Core.open(redis_url, tmp_path / "data")
    batch = await core.submit_batch(SMALL, SMALL, tenant=LOCAL_TENANT)
    await core.submit(tenant=LOCAL_TENANT)  # does not belong to the batch
    frames: list[dict[str, Any]] = []
    async with (
        serving(settings) as (port, _, _),
        aiohttp.ClientSession() as http,
        http.ws_connect(f"http://127.0.0.1:{port}/v1/ws") as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        await socket.send_json({"type": "subscribe", "batch_id": batch["id"]})
        frames.append(await socket.receive_json())
        for job in (await core.store.page(LOCAL_TENANT)).items:
            await core.store.cancel(LOCAL_TENANT, job.id)
        while len(frames) < 4:
            frames.append(await socket.receive_json())
        await socket.send_json({"type": "subscribe", "batch_id": "bat_01ARZ3NDEKTSV4RRFFQ69G5FAV"})
        unknown = await socket.receive_json()
    await core.redis.aclose()
    assert (frames[0]["type"], frames[0]["snapshot"]) == ("subscribed", batch)
    types = [frame["event"]["type"] for frame in frames[1:]]
    assert types == ["job.cancelled", "job.cancelled", "batch.completed"]
    assert frames[-1]["event"]["data"]["batch"]["cancelled"] == 2
    assert unknown["type"] == "error"
