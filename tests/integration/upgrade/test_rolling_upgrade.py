"""Processes of the previous release and of today work on one store at the same time.

`PREVIOUS_RELEASE` names the commit of that release.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect

from jobs.core.settings import Settings
from jobs.store import keys
from jobs.store.artifacts.kept_bytes import read_kept_bytes
from jobs.store.scripts import Scripts
from testsupport.deployment import Deployment
from testsupport.hooks import Receiver
from testsupport.project import ROOT
from testsupport.waiting import DEADLINE_S

PREVIOUS = (Path(__file__).parent / "PREVIOUS_RELEASE").read_text().strip()
ENVIRON = {
    "PRESSRUN_SECRET_KEY": "a-secret-of-thirty-two-characters",
    "PRESSRUN_EGRESS_ALLOW": "127.0.0.1",
    "PRESSRUN_PUBLIC_URL": "http://pressrun.test",  # both show the same links
}


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the previous release."""
    archive = subprocess.run(["git", "-C", ROOT, "archive", PREVIOUS], capture_output=True)
    if archive.returncode:
        reason = f"the history does not have {PREVIOUS}: {archive.stderr.decode().strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}. Fetch the whole history.")
        pytest.skip(reason)
    checkout = tmp_path_factory.mktemp("previous")
    subprocess.run(["tar", "-x", "-C", checkout], input=archive.stdout, check=True)
    return checkout


@asynccontextmanager
async def side_by_side(
    redis_url: str, directory: Path, previous: Path, *, old: tuple[str, ...], new: tuple[str, ...]
) -> AsyncIterator[tuple[Deployment, Deployment]]:
    """These processes of the previous release and of today, which share a store and a data
    directory."""
    shared = {**ENVIRON, "PRESSRUN_DATA_DIR": str(directory / "data")}
    for name in ("previous", "today"):
        (directory / name).mkdir()
    async with (
        Deployment.running(redis_url, directory / "previous", old, root=previous, **shared) as earlier,
        Deployment.running(redis_url, directory / "today", new, **shared) as today,
    ):
        yield earlier, today


@asynccontextmanager
async def subscribed(deployment: Deployment, token: str, job_id: str) -> AsyncIterator[ClientConnection]:
    """A WebSocket to the notifier of the deployment that follows the job."""
    async with connect(deployment.ws_url.replace("http:", "ws:")) as websocket:
        await websocket.send(json.dumps({"type": "auth", "token": token}))
        await websocket.send(json.dumps({"type": "subscribe", "id": 1, "job_id": job_id}))
        yield websocket


async def ended(websocket: ClientConnection) -> dict[str, Any]:
    """The job as the notifier shows it once it has ended, at the subscription or with an event."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            frame = json.loads(await websocket.recv())
            assert frame["type"] != "error", frame
            job: dict[str, Any] = frame.get("snapshot") or frame.get("event", {}).get("data", {}).get(
                "job", {}
            )
            if job.get("status") in ("succeeded", "failed", "cancelled"):
                return job


@pytest.mark.parametrize("worker", ["previous", "today"])
async def test_jobs_are_run_whichever_release_submits_and_whichever_works(
    redis: Redis, redis_url: str, tmp_path: Path, previous: Path, worker: str
) -> None:
    old = ("api", "jobs") if worker == "previous" else ("api",)
    new = ("api", "jobs") if worker == "today" else ("api",)
    kept = 0
    async with side_by_side(redis_url, tmp_path, previous, old=old, new=new) as (earlier, today):
        for submitter, other in ((earlier, today), (today, earlier)):
            for html in ("<p>Small</p>", "<p>A line of a large document.</p>\n" * 1500):
                job = await submitter.submit(html)
                end = await other.until(job["id"], "succeeded", "failed")
                assert end["status"] == "succeeded", end["error"]
                async with other.http.get(f"{other.url}/v1/jobs/{job['id']}/result") as answer:
                    assert (await answer.read()).startswith(b"%PDF-")
                assert await earlier.event_types(job["id"]) == await today.event_types(job["id"])
                kept += end["result"]["bytes"]
        # A process of the release before does not count; the next recount makes up for it.
        scripts = Scripts(redis, Settings(redis_url=redis_url))
        await redis.delete(keys.RECOUNT)
        while not await scripts.call("recount", limit=1) or await redis.exists(keys.RECOUNT):
            pass
        assert await read_kept_bytes(redis) == {"default": kept}


async def test_a_worker_of_the_previous_release_leaves_a_job_with_credentials_to_todays(
    redis: Redis, redis_url: str, tmp_path: Path, previous: Path
) -> None:
    fetch = [{"origins": ["http://127.0.0.1:9000"], "cookies": {"session": "hunter2"}}]
    async with side_by_side(redis_url, tmp_path, previous, old=("jobs",), new=("api",)) as (earlier, today):
        job = await today.submit("<p>Behind a login</p>", options={"fetch": fetch}, max_attempts=20)
        tried = await today.until(job["id"], "retrying", "succeeded", "failed")
        assert (tried["status"], tried["error"]["code"]) == ("retrying", "internal_error")
        await earlier.stop()
        await today.start("jobs")
        assert (await today.until(job["id"], "succeeded", "failed"))["status"] == "succeeded"


async def test_events_and_webhooks_arrive_through_the_notifiers_of_both_releases(
    redis: Redis, redis_url: str, tmp_path: Path, previous: Path
) -> None:
    processes = ("api", "jobs", "notifier")
    async with (
        Receiver.listening() as receiver,
        side_by_side(redis_url, tmp_path, previous, old=processes, new=processes) as (earlier, today),
    ):
        secrets = {}
        for name, web in (("previous", earlier), ("today", today)):
            endpoint = {"url": receiver.url.replace("/hook", f"/{name}")}
            async with web.http.post(f"{web.url}/v1/webhook-endpoints", json=endpoint) as answer:
                secrets[name] = (await answer.json())["secret"]
        submitted = []
        for submitter in (earlier, today) * 3:
            job = await submitter.submit("<p>Told to everybody</p>")
            submitted.append(job["id"])
            token = job["subscription"]["token"]
            async with (
                subscribed(earlier, token, job["id"]) as through_earlier,
                subscribed(today, token, job["id"]) as through_today,
            ):
                assert await ended(through_earlier) == await ended(through_today)
        requests = await receiver.got(2 * len(submitted))
        for name, secret in secrets.items():
            told = [request for request in requests if request.path == f"/{name}"]
            assert all(request.verified_by(secret) for request in told)
            assert sorted(request.event["data"]["job"]["id"] for request in told) == sorted(submitted)
