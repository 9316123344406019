"""Webhooks with a scripted network and a clock that tests move, or with real receivers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from testsupport.hooks import Hooks, Receiver


@pytest.fixture
async def clocked(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Hooks]:
    """A scripted network, and time that stands still until the test moves it."""
    hooks = await Hooks.open(redis_url, tmp_path, scripted=True, virtual=True)
    yield hooks
    await hooks.close()


@pytest.fixture
async def hooks(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Hooks]:
    hooks = await Hooks.open(redis_url, tmp_path)
    yield hooks
    await hooks.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.listening() as receiver:
        yield receiver
