"""Records in the format of a newer release are refused with their version, and left unchanged."""

from __future__ import annotations

import pytest

from jobs.core.errors.store import RecordTooNew
from jobs.store import keys
from testsupport.core import Core

NEWER = keys.RECORD_VERSION + 1


async def test_a_job_of_a_newer_release_is_neither_shown_nor_changed(core: Core) -> None:
    job = await core.submit()
    await core.redis.hset(keys.JOB + job.id, "v", NEWER)
    before = await core.redis.hgetall(keys.JOB + job.id)
    for step in (
        core.store.get("acme", job.id),
        core.store.page("acme"),
        core.store.cancel("acme", job.id),
        core.store.delete("acme", job.id),
    ):
        with pytest.raises(RecordTooNew, match=f"v={NEWER}"):
            await step
    assert await core.redis.hgetall(keys.JOB + job.id) == before


async def test_a_batch_of_a_newer_release_is_neither_shown_nor_changed(core: Core) -> None:
    batch_id = (await core.submit_batch(b"{}"))["id"]
    await core.redis.hset(keys.BATCH_RECORD + batch_id, "v", NEWER)
    before = await core.redis.hgetall(keys.BATCH_RECORD + batch_id)
    for step in (core.batches.batch("acme", batch_id), core.batches.cancel("acme", batch_id)):
        with pytest.raises(RecordTooNew, match=f"v={NEWER}"):
            await step
    assert await core.redis.hgetall(keys.BATCH_RECORD + batch_id) == before


async def test_a_page_with_an_event_of_a_newer_release_is_refused(core: Core) -> None:
    await core.submit()
    head = await core.log.head("acme")
    await core.redis.xadd(keys.LOG + "acme", {"v": NEWER, "e": "?"}, id=f"{head.sequence + 1}-0")
    with pytest.raises(RecordTooNew, match=f"v={NEWER}"):
        await core.log.page("acme", None, 10)


async def test_a_record_without_a_version_is_read_as_the_first_version(core: Core) -> None:
    job = await core.submit()
    await core.redis.hdel(keys.JOB + job.id, "v")
    assert (await core.store.get("acme", job.id)).document == job.document
