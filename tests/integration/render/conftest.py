"""Fixtures for tests that render.

There is one pool for each module, because starting children takes a second. Modules that use these
fixtures run in one event loop each: ``pytest.mark.asyncio(loop_scope="module")``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from redis.asyncio import Redis

from jobs.render.parent.pool import RenderPool
from jobs.render.protocol.limits import FetchLimits, RenderLimits


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool() -> AsyncIterator[RenderPool]:
    """Renders one document at a time, and fetches nothing."""
    pool = RenderPool(size=1, limits=RenderLimits(fetch=FetchLimits(mode="none")))
    await pool.start()
    yield pool
    await pool.close()


@pytest_asyncio.fixture(loop_scope="module")
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the shared server, which is empty when the test begins."""
    client = Redis.from_url(redis_url)
    await client.flushall()
    yield client
    await client.aclose()
