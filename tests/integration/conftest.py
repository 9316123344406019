"""Fixtures of several folders. A folder or module with settings of its own has its own `core`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from testsupport.core import Core


@pytest.fixture
async def core(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    """The stores on the shared server, which is empty."""
    core = Core.open(redis_url, tmp_path)
    yield core
    await core.redis.aclose()
