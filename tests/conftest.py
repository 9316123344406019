"""Fixtures for every test. The suite starts its own Valkey, so no service has to be running."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis

from testsupport.ports import refusing_port
from testsupport.valkey import FaultyValkey

# A slow machine is no fault of the code, so Hypothesis must not fail a test for its duration.
settings.register_profile("pressrun", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pressrun")


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections as long as the test runs."""
    with refusing_port() as port:
        yield port


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyValkey]:
    """The server that all tests of a process share. To stop or freeze one, use `own_valkey`."""
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
    """The URL of the shared server, which still has what earlier tests left."""
    return valkey.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the shared server, which is empty when the test begins."""
    client = Redis.from_url(redis_url, decode_responses=False)
    await client.flushall()
    yield client
    await client.aclose()
