"""A store that removes keys when it is full gets no new work, unless a setting allows it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from jobs.core.settings import Settings
from tests.integration.api.conftest import FakeWorker, caller, running
from tests.integration.api.test_bad_input import assert_problem
from tests.integration.api.test_jobs import HELLO, submit
from testsupport.own_font import own_font
from testsupport.valkey import FaultyValkey
from testsupport.waiting import eventually

BATCH = {"jobs": [HELLO, HELLO]}
TEMPLATE = {"html": "<p>{{ name }}</p>"}
ENDPOINT = {"url": "https://127.0.0.1/hook", "event_types": ["*"]}
FONT, OTHER_FONT = own_font(500), own_font(700)
NEW_WORK: list[tuple[str, str, Any]] = [
    ("POST", "/v1/jobs", HELLO),
    ("POST", "/v1/batches", BATCH),
    ("PUT", "/v1/templates/letter", TEMPLATE),
    ("PUT", "/v1/fonts/house", FONT),
    ("POST", "/v1/webhook-endpoints", ENDPOINT),
]


@pytest.fixture
def settings(own_valkey: FaultyValkey, tmp_path: Path) -> Settings:
    return Settings(redis_url=own_valkey.url, data_dir=tmp_path / "data", egress_allow=("127.0.0.0/8",))


@pytest.fixture
async def store(own_valkey: FaultyValkey) -> AsyncIterator[Redis]:
    client = Redis.from_url(own_valkey.url)
    yield client
    await client.aclose()


async def send(client: httpx.AsyncClient, method: str, path: str, body: Any) -> httpx.Response:
    if isinstance(body, bytes):
        return await client.request(method, path, content=body, headers={"content-type": "font/ttf"})
    return await client.request(method, path, json=body)


async def warnings(client: httpx.AsyncClient) -> list[str]:
    ready = await client.get("/readyz")
    assert ready.status_code == 200
    return [each for each in ready.json()["warnings"] if "noeviction" in each]


async def warning_of_a_store_in_use(settings: Settings) -> str:
    """Submits a job, which is accepted, and returns the warning of `/readyz`."""
    async with running(settings) as app, caller(app) as client:
        await submit(client)
        (warning,) = await warnings(client)
    return warning


async def test_a_store_that_evicts_gets_nothing_new_and_keeps_what_it_has(
    settings: Settings, store: Redis
) -> None:
    keyed = {"headers": {"idempotency-key": "k"}}
    async with running(settings) as app, caller(app) as client:
        for method, path, body in NEW_WORK:
            assert (await send(client, method, path, body)).is_success
        accepted = await client.post("/v1/jobs", json=HELLO, **keyed)
        await store.config_set("maxmemory-policy", "allkeys-lru")

        async def is_refused() -> bool:
            return (await client.post("/v1/jobs", json=HELLO)).status_code == 503

        await eventually(is_refused)
        before = await store.dbsize()
        for method, path, body in NEW_WORK:
            changed = {"/v1/templates/letter": {"html": "<p>new"}, "/v1/fonts/house": OTHER_FONT}
            answer = await send(client, method, path, changed.get(path, body))
            assert_problem(answer, 503, "store_evicts")
            assert "Set maxmemory-policy noeviction" in answer.json()["detail"]
        assert await store.dbsize() == before
        again = await client.post("/v1/jobs", json=HELLO, **keyed)
        assert (again.status_code, again.json()["id"]) == (202, accepted.json()["id"])
        assert (await client.get(f"/v1/jobs/{again.json()['id']}")).status_code == 200
        worker = FakeWorker(settings)
        await worker.succeed()
        await worker.close()
        (warning,) = await warnings(client)
        assert "allkeys-lru" in warning
        assert "store_evicts" in warning

        await store.config_set("maxmemory-policy", "noeviction")

        async def is_accepted() -> bool:
            return (await client.post("/v1/jobs", json=HELLO)).status_code == 202

        await eventually(is_accepted)
        assert await warnings(client) == []


async def test_a_setting_allows_a_store_that_evicts(settings: Settings, store: Redis) -> None:
    await store.config_set("maxmemory-policy", "allkeys-lru")
    warning = await warning_of_a_store_in_use(dataclasses.replace(settings, eviction="allow"))
    assert "accepted jobs may vanish" in warning


async def test_a_store_that_removes_only_keys_that_expire_is_used_with_a_warning(
    settings: Settings, store: Redis
) -> None:
    await store.config_set("maxmemory-policy", "volatile-lru")
    assert "idempotency keys" in await warning_of_a_store_in_use(settings)


async def test_a_store_that_forbids_to_ask_is_used_with_a_warning(
    settings: Settings, store: Redis, own_valkey: FaultyValkey
) -> None:
    await store.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-info", "-config")
    url = f"redis://app:pw@127.0.0.1:{own_valkey.port}/0"
    assert "does not tell" in await warning_of_a_store_in_use(dataclasses.replace(settings, redis_url=url))


async def test_no_job_can_vanish_while_only_keys_that_expire_are_removed(
    settings: Settings, store: Redis
) -> None:
    async with running(settings) as app, caller(app) as client:
        for method, path, body in NEW_WORK:
            assert (await send(client, method, path, body)).is_success
        await client.post("/v1/jobs", json=HELLO, headers={"idempotency-key": "k"})
        worker = FakeWorker(settings)
        for _ in range(3):
            await worker.succeed()
        await worker.start()
        await worker.close()
        expiring = {key async for key in store.scan_iter() if await store.pttl(key) >= 0}
    assert {key.split(b":")[1] for key in expiring} == {b"idempotency", b"batch-record"}
