"""The web app over the real store, called in this process. `FakeWorker` ends its jobs."""

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
OPERATOR_KEY = "operator-key-0123456789"
KEYS = (ApiKey("acme", ACME_KEY), ApiKey("globex", GLOBEX_KEY))
SECRET = "a-secret-of-thirty-two-characters"
PDF = b"%PDF-1.7 " + bytes(range(256)) * 4


class FakeWorker:
    """Claims jobs and ends them as a test wants, without rendering."""

    def __init__(self, settings: Settings) -> None:
        self._redis = connect(settings)
        scripts = Scripts(self._redis, settings)
        self._queue = JobQueue(self._redis, scripts, open_artifacts(settings, scripts))

    async def start(self) -> Claim:
        """Starts the next job."""
        (claim,) = (await self._queue.claim(1)).claims
        await self._queue.start(claim)
        return claim

    async def succeed(
        self, claim: Claim | None = None, body: bytes = PDF, filename: str = "invoice.pdf", **details: Any
    ) -> str:
        """Ends the claimed job, or else the next one, with a result. Returns its id."""
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
        """Removes everything that is not needed any more."""
        while await self._queue.sweep():
            pass

    async def close(self) -> None:
        await self._redis.aclose()


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Api]:
    """Yields the app while its lifespan runs, which follows the event logs."""
    app = build(settings)
    async with app.router.lifespan_context(app):
        await app.services.tail.ready.wait()
        yield app


def caller(app: Api, key: str | None = None) -> httpx.AsyncClient:
    """Returns a client on this machine."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", headers=headers)


@pytest.fixture
def settings(redis: Redis, redis_url: str, tmp_path: Path) -> Settings:
    """Settings without API keys. The store is empty."""
    return Settings(redis_url=redis_url, data_dir=tmp_path / "data", max_queued=50)


@pytest.fixture
def keyed_settings(redis: Redis, redis_url: str, tmp_path: Path) -> Settings:
    """Settings with a key for each of two tenants."""
    return Settings(
        redis_url=redis_url,
        data_dir=tmp_path / "data",
        api_keys=KEYS,
        operator_keys=(OPERATOR_KEY,),
        secret_key=(SECRET,),
        host="127.0.0.1",
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
async def operator(keyed_app: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(keyed_app, OPERATOR_KEY) as client:
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
async def worker(settings: Settings) -> AsyncIterator[FakeWorker]:
    worker = FakeWorker(settings)
    yield worker
    await worker.close()
