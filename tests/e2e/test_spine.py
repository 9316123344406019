"""The whole system as its users see it: real processes, real sockets, real documents."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pikepdf
import pytest
from redis.asyncio import Redis

from jobs.store import keys
from testsupport.deployment import Deployment
from testsupport.documents import ENDLESS
from testsupport.valkey import FaultyValkey
from testsupport.waiting import DEADLINE_S, eventually


@pytest.fixture
async def running(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    async with Deployment.running(redis_url, tmp_path, ("api", "jobs", "notifier")) as deployment:
        yield deployment


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


class Listener:
    """A WebSocket client that follows one job."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def next(self, *types: str) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                frame: dict[str, Any] = await self.socket.receive_json()
                if frame["type"] in types:
                    return frame

    async def subscribe(self, submitted: dict[str, Any]) -> dict[str, Any]:
        await self.socket.send_json({"type": "auth", "id": 1, "token": submitted["subscription"]["token"]})
        assert (await self.next("welcome", "error"))["type"] == "welcome"
        await self.socket.send_json({"type": "subscribe", "id": 2, "job_id": submitted["id"]})
        return await self.next("subscribed", "error")

    async def until_terminal(self) -> list[dict[str, Any]]:
        events = []
        while True:
            events.append((await self.next("event"))["event"])
            if events[-1]["data"]["job"]["finished_at"]:
                return events


async def test_a_document_is_submitted_followed_and_downloaded(running: Deployment) -> None:
    submitted = await running.submit("<h1>Hello</h1>", metadata={"order": 7}, tags=["demo"])
    async with running.http.ws_connect(running.ws_url) as socket:
        listener = Listener(socket)
        snapshot = (await listener.subscribe(submitted))["snapshot"]
        if not snapshot["finished_at"]:
            events = await listener.until_terminal()
            assert [event["data"]["job"]["version"] for event in events] == list(
                range(snapshot["version"] + 1, snapshot["version"] + 1 + len(events))
            )
    job = await running.until(submitted["id"], "succeeded")
    assert job["metadata"] == {"order": 7}
    async with running.http.get(
        job["result"]["url"].replace("localhost:8000", f"127.0.0.1:{running.port}")
    ) as answer:
        body = await answer.read()
    assert len(body) == job["result"]["bytes"]
    (Path(running.directory) / "a.pdf").write_bytes(body)
    with pikepdf.open(Path(running.directory) / "a.pdf") as pdf:
        assert len(pdf.pages) == job["result"]["pages"] == 1


async def test_the_same_event_is_the_same_bytes_on_every_channel(running: Deployment) -> None:
    submitted = await running.submit("<p>x</p>", scheduled_at=tomorrow())
    async with running.http.ws_connect(running.ws_url) as socket:
        listener = Listener(socket)
        await listener.subscribe(submitted)
        async with running.http.post(f"{running.url}/v1/jobs/{submitted['id']}/cancel") as answer:
            assert answer.status == 200
        frame = await listener.next("event")
    of_job = (await running.get(f"/v1/jobs/{submitted['id']}/events"))["items"][-1]
    of_log = (await running.get("/v1/events"))["items"][-1]
    assert frame["event"] == of_job == of_log
    assert list(frame["event"]) == list(of_log)


async def test_a_wait_preference_answers_with_the_pdf_itself(running: Deployment) -> None:
    headers = {"Content-Type": "text/html", "Prefer": "wait=25"}
    async with running.http.post(f"{running.url}/v1/pdf", data=b"<h1>Now</h1>", headers=headers) as answer:
        assert answer.status == 200
        assert (await answer.read()).startswith(b"%PDF-")


async def test_a_killed_worker_costs_an_attempt_and_ten_seconds(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    async with Deployment.running(redis_url, tmp_path, ("api", "notifier")) as running:
        first = await running.start("jobs")
        submitted = await running.submit(ENDLESS, timeout_seconds=30)
        await running.until(submitted["id"], "running")
        await running.start("jobs")
        await eventually(
            lambda: any(line["event"] == "worker.ready" for line in running.log_lines("jobs", 3))
        )
        killed_at = asyncio.get_running_loop().time()
        first.send_signal(signal.SIGKILL)
        await first.wait()

        async def ran_again() -> bool:
            return (await running.event_types(submitted["id"])).count("job.started") == 2

        await eventually(ran_again)
        # Ten seconds is the promise; the rest is for a busy machine.
        assert asyncio.get_running_loop().time() - killed_at < 10 + DEADLINE_S / 2
        async with running.http.post(f"{running.url}/v1/jobs/{submitted['id']}/cancel") as answer:
            assert answer.status == 200
        types = await running.event_types(submitted["id"])
    assert types == ["job.queued", "job.started", "job.queued", "job.started", "job.cancelled"]


async def test_a_terminated_worker_hands_its_job_back_unused(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    async with Deployment.running(
        redis_url, tmp_path, ("api", "notifier"), PRESSRUN_DRAIN_SECONDS="1"
    ) as running:
        worker = await running.start("jobs")
        submitted = await running.submit(ENDLESS)
        await running.until(submitted["id"], "running")
        worker.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            assert await worker.wait() == 0
        job = await running.get(f"/v1/jobs/{submitted['id']}")
        assert (job["status"], job["attempt"]) == ("queued", 0)


async def test_bad_documents_cost_only_themselves(running: Deployment) -> None:
    endless = await running.submit(ENDLESS, timeout_seconds=1, max_attempts=1)
    nonsense = await running.submit("<<<>>><table><b><td></p>\x00&bogus;")
    good = await running.submit("<p>fine</p>")
    assert (await running.until(endless["id"], "failed"))["error"]["code"] == "render_timeout"
    assert (await running.until(nonsense["id"], "succeeded", "failed"))["status"] == "succeeded"
    assert (await running.until(good["id"], "succeeded", "failed"))["status"] == "succeeded"


@pytest.mark.parametrize("outage", ["frozen", "restarted"])
async def test_every_process_outlives_an_outage_of_the_store(
    own_valkey: FaultyValkey, tmp_path: Path, outage: str
) -> None:
    packages = ("api", "jobs", "notifier")
    async with Deployment.running(own_valkey.url, tmp_path, packages) as running:
        before = [await running.submit(f"<p>{i}</p>") for i in range(10)]
        async with running.http.ws_connect(running.ws_url) as socket:
            listener = Listener(socket)
            await listener.subscribe(await running.submit("<p>x</p>", scheduled_at=tomorrow()))
            refused = await submit_during(own_valkey, outage, running)
            after = [await running.submit(f"<p>{i}</p>") for i in range(10)]
        assert refused
        for submitted in before + after:
            await running.until(submitted["id"], "succeeded")
            types = await running.event_types(submitted["id"])
            assert types == ["job.queued", "job.started", "job.succeeded"]
        assert all(process.returncode is None for _, process in running.processes)
        client = Redis.from_url(own_valkey.url)
        sequences = [
            int(entry_id.split(b"-")[0]) for entry_id, _ in await client.xrange(keys.LOG + "default")
        ]
        await client.aclose()
    assert sequences == list(range(1, len(sequences) + 1))


async def submit_during(server: FaultyValkey, outage: str, running: Deployment) -> list[int]:
    """Submits while the store is away; returns the answers of 503."""
    statuses = []

    async def submit_once() -> None:
        body = json.dumps({"kind": "pdf.render", "input": {"html": "<p>lost?</p>"}})
        headers = {"Content-Type": "application/json", "Idempotency-Key": "while-away"}
        async with running.http.post(f"{running.url}/v1/jobs", data=body, headers=headers) as answer:
            statuses.append(answer.status)
            if answer.status == 503:
                assert int(answer.headers["Retry-After"]) > 0

    if outage == "frozen":
        with server.frozen():
            await submit_once()
            async with running.http.get(f"{running.url}/healthz") as answer:
                assert answer.status == 200
    else:
        await asyncio.to_thread(server.stop)
        await submit_once()
        await asyncio.to_thread(server.start)
    await running.ready()
    return [status for status in statuses if status == 503]
