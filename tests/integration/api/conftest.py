"""The web app over the real store, called in this process; `Desk` plays the worker."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from api.app import Api, build
from jobs.core.errors.job import JobError
from jobs.core.job import Claim, Result
from jobs.core.settings import ApiKey, Settings
from jobs.store.artifacts import open_artifacts
from jobs.store.client import connect
from jobs.store.queue import JobQueue
from jobs.store.scripts import Scripts

ACME_KEY = "acme-key-0123456789"
GLOBEX_KEY = "globex-key-0123456789"
KEYS = (ApiKey("acme", ACME_KEY), ApiKey("globex", GLOBEX_KEY))
SECRET = "a-secret-of-thirty-two-characters"
PDF = b"%PDF-1.7 " + bytes(range(256)) * 4


class Desk:
    """Takes jobs off the queue and ends them as a test wants."""

    def __init__(self, settings: Settings) -> None:
        self._redis = connect(settings)
        scripts = Scripts(self._redis, settings)
        self._queue = JobQueue(self._redis, scripts, open_artifacts(settings, scripts))

    async def start(self) -> Claim:
        """The next job begins to run."""
        haul = await self._queue.claim(1)
        await self._queue.start(haul.claims[0])
        return haul.claims[0]

    async def succeed(
        self, claim: Claim | None = None, body: bytes = PDF, filename: str = "invoice.pdf", **details: Any
    ) -> str:
        """The job succeeds; the next one, where none is named."""
        claim = claim or await self.start()
        details = {"pages": 1, **details}
        result = Result(body=body, content_type="application/pdf", filename=filename, details=details)
        await self._queue.succeed(claim, result, await self._queue.store_result(claim, result))
        return claim.job_id

    async def fail(self, error: JobError, claim: Claim | None = None) -> str:
        claim = claim or await self.start()
        await self._queue.fail(claim, error)
        return claim.job_id

    async def sweep(self) -> None:
        """What is not needed any more goes."""
        while await self._queue.sweep():
            pass

    async def close(self) -> None:
        await self._redis.aclose()


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Api]:
    """The app with its lifespan, following the event logs."""
    app = build(settings)
    async with app.router.lifespan_context(app):
        await app.services.tail.ready.wait()
        yield app


def caller(app: Api, key: str | None = None) -> httpx.AsyncClient:
    """A client on this machine."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", headers=headers)


@pytest.fixture
def settings(redis: Redis, redis_url: str, tmp_path: Path) -> Settings:
    """Without API keys; the store is empty."""
    return Settings(redis_url=redis_url, data_dir=tmp_path / "data", max_queued=50)


@pytest.fixture
def keyed_settings(redis: Redis, redis_url: str, tmp_path: Path) -> Settings:
    """With a key for each of two tenants."""
    return Settings(
        redis_url=redis_url, data_dir=tmp_path / "data", api_keys=KEYS, secret_key=(SECRET,), host="127.0.0.1"
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Api]:
    async with running(settings) as app:
        yield app


@pytest.fixture
async def client(app: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(app) as client:
        yield client


@pytest.fixture
async def keyed_app(keyed_settings: Settings) -> AsyncIterator[Api]:
    async with running(keyed_settings) as app:
        yield app


@pytest.fixture
async def acme(keyed_app: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(keyed_app, ACME_KEY) as client:
        yield client


@pytest.fixture
async def globex(keyed_app: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(keyed_app, GLOBEX_KEY) as client:
        yield client


@pytest.fixture
async def anonymous(keyed_app: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(keyed_app) as client:
        yield client


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    desk = Desk(settings)
    yield desk
    await desk.close()
