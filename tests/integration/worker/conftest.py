"""A store for the tests of the worker, and what happens in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from testsupport.core import Core
from testsupport.event_watcher import Watcher


@pytest.fixture
async def core(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path, PRESSRUN_WORKER_SLOTS="2", PRESSRUN_DRAIN_SECONDS="600")
    yield core
    await core.redis.aclose()


@pytest.fixture
async def watcher(core: Core) -> AsyncIterator[Watcher]:
    async with Watcher.following(core.redis) as watcher:
        yield watcher
