"""What a tenant keeps is counted exactly, whatever happens in between, and limited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from api.monitoring.readiness import Readiness
from jobs.core.errors.job import RendererCrashed
from jobs.core.errors.request import BodyTooLarge, TenantBytesUsed
from jobs.core.job import INLINE_INPUT_MAX_BYTES, Claim, Job, Result
from jobs.store import keys
from jobs.store.artifacts.kept_bytes import read_kept_bytes
from jobs.store.queue import ExpiredLease
from jobs.store.scripts import Scripts
from jobs.templates.template import TemplateContent
from jobs.templates.template_store import TemplateStore
from testsupport.core import Core, batch_of

MIB = 1024**2
PDF = Result(body=b"%PDF" * 1000, content_type="application/pdf", filename='a "bytes":7 b.pdf')


def document(size: int) -> bytes:
    return b'"' + b"x" * (size - 2) + b'"'


LARGE = document(INLINE_INPUT_MAX_BYTES + 1)


@pytest.fixture
async def core(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path, PRESSRUN_MAX_TENANT_BYTES=str(MIB))
    yield core
    await core.redis.aclose()


async def kept(core: Core, tenant: str = "acme") -> int:
    """What is counted, which is the sum of what is counted for each job and template."""
    counted = (await read_kept_bytes(core.redis)).get(tenant, 0)
    assert counted == sum(map(int, await core.redis.hvals(keys.KEPT + tenant)))
    return counted


async def on_disk(core: Core, tenant: str = "acme") -> int:
    """What is there once all that is no longer needed was removed."""
    await core.redis.zunionstore(keys.GARBAGE, {keys.GARBAGE: 0})  # all is due
    while await core.queue.sweep():
        pass
    root = core.settings.data_dir / "artifacts" / tenant
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


async def claim(core: Core) -> Claim:
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.start(claim)
    return claim


async def succeed(core: Core, claim: Claim, result: Result = PDF) -> None:
    await core.queue.succeed(claim, result, await core.queue.store_result(claim, result))


async def done(core: Core, **fields: Any) -> Job:
    job = await core.submit(**fields)
    await succeed(core, await claim(core))
    return job


async def test_input_files_and_result_count_as_long_as_they_are_kept(core: Core) -> None:
    job = await core.submit(spec=LARGE, files={"a" * 64: b"a file"})
    assert await kept(core) == len(LARGE) + 6 == await on_disk(core)
    await succeed(core, await claim(core))
    assert await kept(core) == len(PDF.body) == await on_disk(core)
    await core.redis.zadd(keys.EXPIRY_RESULTS, {job.id: 1})
    await core.queue.sweep()
    assert await kept(core) == 0 == await on_disk(core)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
async def test_the_input_of_a_job_without_a_result_counts_until_the_job_goes(core: Core, end: str) -> None:
    job = await core.submit(spec=LARGE)
    if end == "failed":
        await core.queue.fail(await claim(core), RendererCrashed("It died."))
    else:
        await core.store.cancel("acme", job.id)
    assert await kept(core) == len(LARGE) == await on_disk(core)
    await core.store.delete("acme", job.id)
    assert await kept(core) == 0 == await on_disk(core)


async def test_deleting_and_expiring_jobs_makes_room(core: Core) -> None:
    deleted, expired = await done(core), await done(core)
    assert await kept(core) == 2 * len(PDF.body)
    await core.store.delete("acme", deleted.id)
    assert await kept(core) == len(PDF.body)
    await core.redis.zadd(keys.EXPIRY_RECORDS, {expired.id: 1})
    await core.queue.sweep()
    assert await core.redis.exists(keys.KEPT + "acme", keys.KEPT_BYTES) == 0


async def test_what_fits_into_the_store_counts_nothing(core: Core) -> None:
    await core.submit()
    assert await kept(core) == 0


async def test_small_or_large_templates_count_by_what_is_an_artifact(core: Core) -> None:
    templates = TemplateStore(Scripts(core.redis, core.settings), core.artifacts)
    await templates.put("acme", "small", TemplateContent(html="<p>"))
    assert await kept(core) == 0
    contents = [TemplateContent(html=letter * 50_000) for letter in "ab"]
    for content in (*contents, contents[1]):
        await templates.put("acme", "letter", content)
    assert await kept(core) == sum(len(content.to_json()) for content in contents) == await on_disk(core)
    await templates.delete("acme", "letter")
    assert await kept(core) == 0 == await on_disk(core)


async def test_each_copy_of_a_result_counts_because_each_is_a_file(core: Core) -> None:
    for _ in range(2):
        await core.submit()
        taken = await claim(core)
        recalled = await core.queue.recall("acme", "digest")
        result = recalled or Result(
            body=PDF.body, content_type=PDF.content_type, filename="a.pdf", reuse_key="digest"
        )
        await succeed(core, taken, result)
    assert await kept(core) == 2 * len(PDF.body) == await on_disk(core)


async def test_a_submission_over_the_limit_is_refused_and_leaves_nothing(core: Core) -> None:
    await core.submit(spec=document(600_000))
    for submission in (core.submit(spec=document(600_000)), core.submit_batch(b"{}", document(600_000))):
        with pytest.raises(
            TenantBytesUsed, match=r"use 600,000 of the 1,048,576 bytes they may, and this"
        ) as raised:
            await submission
        assert raised.value.extra == {"used_bytes": 600_000, "max_bytes": MIB, "requested_bytes": 600_000}
    assert await kept(core) == 600_000
    assert await on_disk(core) == 600_000
    await core.submit(tenant="globex", spec=document(600_000))
    await core.submit()  # needs no room yet


async def test_once_all_is_used_small_jobs_are_refused_too(core: Core) -> None:
    """Results of accepted jobs are always kept, so they may go beyond the limit."""
    first = await core.submit(spec=document(1_000_000))
    result = Result(body=bytes(2 * MIB), content_type="application/pdf", filename="a.pdf")
    await succeed(core, await claim(core), result)
    assert await kept(core) == 2 * MIB
    with pytest.raises(TenantBytesUsed, match="Delete jobs"):
        await core.submit()
    with pytest.raises(TenantBytesUsed):
        await core.batches.submit(batch_of(b"{}", b"{}"))
    await core.store.delete("acme", first.id)
    await core.submit()


async def test_what_never_fits_is_too_large(core: Core) -> None:
    with pytest.raises(BodyTooLarge, match="may have 1,048,576"):
        await core.submit(spec=document(MIB + 1))
    with pytest.raises(BodyTooLarge):
        await core.submit_batch(document(600_000), document(600_000))
    templates = TemplateStore(Scripts(core.redis, core.settings), core.artifacts)
    with pytest.raises(BodyTooLarge):
        await templates.put("acme", "letter", TemplateContent(html="x" * MIB))
    assert await kept(core) == 0 == await on_disk(core)


async def test_a_template_over_the_limit_is_refused_and_leaves_nothing(core: Core) -> None:
    await core.submit(spec=document(MIB - 1000))
    templates = TemplateStore(Scripts(core.redis, core.settings), core.artifacts)
    with pytest.raises(TenantBytesUsed):
        await templates.put("acme", "letter", TemplateContent(html="x" * 50_000))
    assert await kept(core) == MIB - 1000 == await on_disk(core)


async def test_of_submissions_at_the_same_time_only_those_that_fit_are_accepted(core: Core) -> None:
    outcomes = await asyncio.gather(
        *(core.submit(spec=document(300_000)) for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Job) for outcome in outcomes) == 3
    assert all(isinstance(outcome, Job | TenantBytesUsed) for outcome in outcomes)
    assert await kept(core) == 900_000 == await on_disk(core)


async def test_what_was_accepted_is_recognised_when_all_is_used(core: Core) -> None:
    fields: dict[str, Any] = {"spec": document(MIB), "idempotency_key": "k", "content_digest": "d"}
    first = await core.submit(**fields)
    assert (await core.submit(**fields)).id == first.id
    assert await kept(core) == MIB == await on_disk(core)


async def test_a_result_whose_worker_dies_before_it_is_named_counts_nothing(core: Core) -> None:
    job = await core.submit()
    lost = await claim(core)
    await core.queue.store_result(lost, PDF)  # and dies
    ends = await core.redis.zscore(keys.LEASES, job.id)
    await core.queue.claim(0, [ExpiredLease(job.id.encode(), f"{ends:.0f}".encode())])
    assert await kept(core) == 0
    await succeed(core, await claim(core))
    assert await kept(core) == len(PDF.body) == await on_disk(core)


async def test_a_step_that_is_sent_twice_counts_once(core: Core) -> None:
    await core.submit(spec=LARGE)
    taken = await claim(core)
    for _ in range(2):
        await succeed(core, taken)
    assert await kept(core) == len(PDF.body)


async def test_a_recount_mends_what_a_process_that_does_not_count_has_left(core: Core) -> None:
    """The steps of the previous release are as ours, but for what is counted."""
    templates = TemplateStore(Scripts(core.redis, core.settings), core.artifacts)
    await templates.put("acme", "letter", TemplateContent(html="x" * 50_000))
    deleted, finished, waits = await done(core), await done(core), await core.submit(spec=LARGE)
    for name in (finished.id, waits.id):  # it ended the one, and accepted the other
        await core.redis.hincrby(
            keys.KEPT_BYTES, "acme", -int(await core.redis.hget(keys.KEPT + "acme", name))
        )
        await core.redis.hdel(keys.KEPT + "acme", name)
    await core.redis.hdel(keys.JOB + waits.id, "input_bytes")
    await core.redis.delete(keys.JOB + deleted.id, keys.TEMPLATE + "acme:letter")
    await core.redis.zrem(keys.JOBS + "acme", deleted.id)
    assert await kept(core) > 50_000
    await recount(core)
    assert await kept(core) == len(PDF.body), "an input that it accepted counts nothing"
    await succeed(core, await claim(core))
    assert await kept(core) == 2 * len(PDF.body), "but its result does"


async def test_a_recount_leaves_what_is_right_and_ends_for_many_jobs_and_tenants(core: Core) -> None:
    for tenant in ("acme", "globex"):
        for _ in range(130):
            await done(core, tenant=tenant)
    before = await read_kept_bytes(core.redis)
    await recount(core, limit=50)
    assert (
        await read_kept_bytes(core.redis) == before == dict.fromkeys(("acme", "globex"), 130 * len(PDF.body))
    )


async def recount(core: Core, limit: int = 500) -> None:
    """A whole round."""
    scripts = Scripts(core.redis, core.settings)
    await core.redis.delete(keys.RECOUNT)
    await scripts.call("recount", limit=limit)
    while await core.redis.exists(keys.RECOUNT):
        await scripts.call("recount", limit=limit)


async def test_operators_see_who_keeps_how_much(core: Core) -> None:
    await core.submit(spec=document(900_000))
    await core.submit(tenant="globex", spec=document(100_000))
    readiness = Readiness(core.redis, core.settings, core.artifacts)
    details = (await readiness.report(is_draining=False)).details
    assert details["artifacts"]["kept_bytes"] == 1_000_000
    assert details["artifacts"]["max_tenant_bytes"] == MIB
    assert details["artifacts"]["most"] == [
        {"tenant": "acme", "bytes": 900_000},
        {"tenant": "globex", "bytes": 100_000},
    ]
    (warning,) = [text for text in details["warnings"] if "PRESSRUN_MAX_TENANT_BYTES" in text]
    assert "acme" in warning
    assert "globex" not in warning
