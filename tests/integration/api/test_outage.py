"""Requests report an outage of the store at once, and succeed again when the store is back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from jobs.core.settings import Settings
from tests.integration.api.conftest import caller, running
from tests.integration.api.test_bad_input import assert_problem
from tests.integration.api.test_jobs import HELLO, submit
from testsupport.valkey import FaultyValkey

PATIENCE_SECONDS = 23
"""Two waits for the store take ten seconds. Requests with `wait=25` must be answered sooner."""


@pytest.fixture
def outage_settings(own_valkey: FaultyValkey, tmp_path: Path) -> Settings:
    return Settings(redis_url=own_valkey.url, data_dir=tmp_path / "data")


async def test_every_route_reports_that_the_store_is_unreachable(
    outage_settings: Settings, own_valkey: FaultyValkey
) -> None:
    async with running(outage_settings) as app, caller(app) as client:
        job = await submit(client)
        own_valkey.stop()
        url = f"/v1/jobs/{job['id']}"
        calls = [
            ("POST", "/v1/jobs"),
            ("GET", "/v1/jobs"),
            ("GET", url),
            ("DELETE", url),
            ("GET", f"{url}/result"),
        ]
        calls += [("GET", f"{url}/events"), ("POST", f"{url}/cancel"), ("GET", "/v1/events")]
        for method, path in calls:
            answer = await client.request(method, path, json=HELLO if path == "/v1/jobs" else None)
            assert_problem(answer, 503, "store_unavailable")
            assert int(answer.headers["retry-after"]) > 0
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["store"]["reachable"]) == (503, False)
        own_valkey.start()
        assert (await client.get(url)).json()["id"] == job["id"]
        assert (await submit(client))["status"] == "queued"


async def test_no_request_waits_long_for_a_store_that_does_not_answer(
    outage_settings: Settings, own_valkey: FaultyValkey
) -> None:
    async with running(outage_settings) as app, caller(app) as client:
        job = await submit(client)
        with own_valkey.frozen():
            started = time.monotonic()
            answers = await asyncio.gather(
                *(client.post("/v1/jobs", json=HELLO) for _ in range(100)),
                *(client.get(f"/v1/jobs/{job['id']}?wait=25") for _ in range(100)),
            )
            took = time.monotonic() - started
            assert (await client.get("/healthz")).status_code == 200
        assert {answer.status_code for answer in answers} == {503}
        assert took < PATIENCE_SECONDS
        assert (await submit(client))["status"] == "queued"


async def test_metrics_of_what_only_the_store_knows_have_no_value_without_it(
    outage_settings: Settings, own_valkey: FaultyValkey
) -> None:
    async with running(outage_settings) as app, caller(app) as client:
        await submit(client)
        assert 'priority="normal"} 1.0' in (await client.get("/metrics")).text
        with own_valkey.frozen():
            text = (await client.get("/metrics")).text
            assert "pressrun_queue_waiting_jobs{" not in text
            assert "pressrun_queue_claimed_jobs NaN" in text
            assert "pressrun_jobs_accepted_total{" in text
        own_valkey.stop()
        assert "pressrun_queue_waiting_jobs{" not in (await client.get("/metrics")).text
        own_valkey.start()
        assert 'priority="normal"} 1.0' in (await client.get("/metrics")).text


async def test_a_request_that_waits_across_a_restart_still_gets_its_answer(
    outage_settings: Settings, own_valkey: FaultyValkey
) -> None:
    async with running(outage_settings) as app, caller(app) as client:
        job = await submit(client)

        async def wait() -> httpx.Response:
            return await client.get(f"/v1/jobs/{job['id']}?wait=20")

        waiting = asyncio.create_task(wait())
        async with asyncio.timeout(10):
            while not len(app.services.waiters):  # noqa: ASYNC110 (the app has no signal for it)
                await asyncio.sleep(0.002)
        own_valkey.restart()
        async with asyncio.timeout(10):
            while (await client.post(f"/v1/jobs/{job['id']}/cancel")).status_code == 503:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (await waiting).json()["status"] == "cancelled"
