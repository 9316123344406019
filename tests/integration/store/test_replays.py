"""A request that was accepted with an idempotency key stays accepted, even if it would be refused
now."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.core.errors.request import IdempotencyKeyReused, JobNotFound
from testsupport.core import Core, batch_of

SPEC = b'{"input":{},"options":{}}'


def refused(**fields: Any) -> dict[str, Any]:
    return {"idempotency_key": "k", "content_digest": "d1", "refusal": JobNotFound("gone"), **fields}


async def test_repeating_an_accepted_job_returns_its_current_state(core: Core) -> None:
    first = await core.submit(idempotency_key="k", content_digest="d1")
    await core.store.cancel("acme", first.id)
    again = await core.submit(**refused())
    assert (again.id, again.status) == (first.id, "cancelled")
    with pytest.raises(IdempotencyKeyReused):
        await core.submit(**refused(content_digest="d2"))


async def test_repeating_an_accepted_batch_returns_the_batch(core: Core) -> None:
    first = await core.submit_batch(SPEC, idempotency_key="k", content_digest="d1")
    again = await core.batches.submit(batch_of(**refused()))
    assert again.replayed
    assert json.loads(again.document) == first


async def test_a_request_that_was_not_accepted_earlier_is_refused_and_leaves_nothing_behind(
    core: Core,
) -> None:
    for fields in (refused(), refused(idempotency_key=None)):
        with pytest.raises(JobNotFound):
            await core.submit(**fields)
        with pytest.raises(JobNotFound):
            await core.batches.submit(batch_of(**fields))
    assert await core.redis.keys("*") == []
    first = await core.submit(idempotency_key="k", content_digest="d1")
    with pytest.raises(JobNotFound):
        await core.submit(tenant="globex", **refused())
    await core.store.cancel("acme", first.id)
    await core.store.delete("acme", first.id)
    with pytest.raises(JobNotFound):
        await core.submit(**refused())
