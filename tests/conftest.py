"""Fixtures for every test. The suite brings its own Valkey: nothing has to be installed or running."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis

from testsupport.ports import refusing_port
from testsupport.valkey import FaultyValkey

# How fast this machine is, is no property of the code.
settings.register_profile("pressrun", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pressrun")


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port that nobody listens on, and nobody will while the test runs."""
    with refusing_port() as port:
        yield port


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyValkey]:
    """The server all tests share. Break `own_valkey`, not this one."""
    server = FaultyValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[FaultyValkey]:
    """A server for one test alone, to freeze, kill and restart."""
    server = FaultyValkey(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(valkey: FaultyValkey) -> str:
    """Where the shared server is. Tests that use only this see what earlier tests left."""
    return valkey.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the shared server, which is empty when the test begins."""
    client = Redis.from_url(redis_url, decode_responses=False)
    await client.flushall()
    yield client
    await client.aclose()
