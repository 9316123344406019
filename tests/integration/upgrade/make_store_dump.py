"""Makes the dump of a store as a release wrote it, which later releases must be able to read.

    python -m tests.integration.upgrade.make_store_dump CHECKOUT stores/VERSION.json

`CHECKOUT` is a work tree of the release. Its processes are driven through HTTP alone, so this works
for any release. `docs/contributing/changing-stored-data.md` says when to make a new dump.
"""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from aiohttp import web
from redis.asyncio import Redis

from testsupport.deployment import Deployment
from testsupport.hooks import Receiver
from testsupport.store_dump import dump
from testsupport.valkey import FaultyValkey
from testsupport.waiting import eventually

ENVIRON = {
    "PRESSRUN_SECRET_KEY": "a-secret-of-thirty-two-characters",
    "PRESSRUN_EGRESS_ALLOW": "127.0.0.1",
    "PRESSRUN_PUBLIC_URL": "http://pressrun.test",
    "PRESSRUN_ARTIFACTS_URL": "redis:",  # so that the store has everything
    "PRESSRUN_RESULT_TTL": str(3650 * 24 * 3600),  # a dump is read years after it was made
    "PRESSRUN_RECORD_TTL": str(3650 * 24 * 3600),
}
RECEIVER = "127.0.0.1:RECEIVER"
"""Stands in the dump for the address of the receiver of webhooks."""
UNREACHABLE = {"url": "http://127.0.0.1:64999/"}  # nobody listens there
IDEMPOTENT = {
    "kind": "pdf.render",
    "input": {"html": "<p>Once</p>"},
    "tags": ["a", "b"],
    "metadata": {"n": 1},
}
IDEMPOTENCY_KEY = "order-1"
LONG = "<h1>{{ title }}</h1>{% for i in range(1500) %}<p>Line {{ i }} of a long document</p>{% endfor %}"


class Maker:
    """Brings a store into every state there is, and notes what the release shows of it."""

    def __init__(self, release: Deployment, receiver: Receiver, redis: Redis) -> None:
        self.release = release
        self.receiver = receiver
        self.redis = redis
        self.jobs: dict[str, str] = {}

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        url = self.release.url + path
        async with self.release.http.request(method, url, json=body, headers=headers) as answer:
            assert answer.ok, await answer.text()
            document: dict[str, Any] = await answer.json()
            return document

    async def job(self, name: str, source: dict[str, Any], **members: Any) -> str:
        """Submits a job, to be found in the dump by this name."""
        body = {"kind": "pdf.render", "input": source, **members}
        self.jobs[name] = (await self.call("POST", "/v1/jobs", body))["id"]
        return self.jobs[name]

    async def endpoint(self, path: str) -> str:
        url = self.receiver.url.replace("/hook", path)
        return str((await self.call("POST", "/v1/webhook-endpoints", {"url": url}))["id"])

    async def deliveries(self, endpoint_id: str, status: str) -> list[dict[str, Any]]:
        path = f"/v1/webhook-endpoints/{endpoint_id}/deliveries?status={status}"
        found: list[dict[str, Any]] = (await self.call("GET", path))["items"]
        return found

    async def finished_work(self) -> str:
        """Templates, jobs that ended in every way, a completed batch; returns the id of the
        batch."""
        letter = {"html": "<p>Dear {{ name }}</p>", "sample_data": {"name": "Ada"}}
        await self.call("PUT", "/v1/templates/letter", letter)
        await self.call("PUT", "/v1/templates/letter", letter | {"html": "<p>Hello {{ name }}</p>"})
        await self.call("PUT", "/v1/templates/long", {"html": LONG, "sample_data": {"title": "x"}})
        submitted = await self.call("POST", "/v1/jobs", IDEMPOTENT, **{"Idempotency-Key": IDEMPOTENCY_KEY})
        self.jobs["succeeded"] = submitted["id"]
        await self.job("failed", UNREACHABLE, max_attempts=1)
        await self.job("cancelled", {"html": "<p>Never</p>"}, scheduled_at=_in_seconds(3600))
        await self.call("POST", f"/v1/jobs/{self.jobs['cancelled']}/cancel")
        html = {"kind": "pdf.render", "input": {"html": "<p>One of two</p>"}}
        batch: str = (await self.call("POST", "/v1/batches", {"jobs": [html, html]}))["id"]
        await self.release.until(self.jobs["succeeded"], "succeeded")
        await self.release.until(self.jobs["failed"], "failed")

        async def completed() -> bool:
            return (await self.call("GET", f"/v1/batches/{batch}"))["status"] == "completed"

        await eventually(completed)
        return batch

    async def exhaust(self, endpoint_id: str) -> None:
        """Brings retries forward until a delivery has used all its attempts."""

        async def exhausted() -> bool:
            await self.bring_forward(endpoint_id)
            await self.redis.lpush("pr:webhook:doorbell", "late")
            return bool(await self.deliveries(endpoint_id, "exhausted"))

        await eventually(exhausted)

    async def bring_forward(self, endpoint_id: str) -> None:
        """Makes all retries due, and ends the pause of an endpoint whose requests failed."""
        for delivery in await self.redis.zrange("pr:webhook:due", 0, -1):
            await self.redis.zadd("pr:webhook:due", {delivery: 1}, xx=True)
        await self.redis.hset(f"pr:webhook:target:{endpoint_id}", "held", 1)
        await self.redis.zadd("pr:webhook:wake", {endpoint_id: 1}, xx=True)

    async def unfinished_work(self) -> str:
        """Jobs and a batch that wait, one that runs; returns the id of the batch. The worker is
        killed."""
        await self.job("retrying", UNREACHABLE, max_attempts=2)
        await self.job("running", {"template": "long", "data": {"title": "Running"}})
        await self.release.until(self.jobs["running"], "running")
        await self.kill("jobs")
        await self.job("queued", {"html": "<p>Queued</p>"}, priority="high", tags=["b"])
        await self.job("queued_template", {"template": "letter", "version": 1, "data": {"name": "Grace"}})
        await self.job("queued_large", {"html": "<p>A line of a large document.</p>\n" * 1100})
        hook = self.receiver.url.replace("/hook", "/single")
        await self.job("queued_webhook", {"html": "<p>Tell me</p>"}, webhook_url=hook)
        await self.job("scheduled", {"html": "<p>Later</p>"}, scheduled_at=_in_seconds(90))
        await self.job("cancelled_unannounced", {"html": "<p>Never</p>"}, scheduled_at=_in_seconds(3600))
        await self.call("POST", f"/v1/jobs/{self.jobs['cancelled_unannounced']}/cancel")
        html = {"kind": "pdf.render", "input": {"html": "<p>One of two</p>"}}
        return str(
            (await self.call("POST", "/v1/batches", {"jobs": [html, html], "metadata": {"n": 2}}))["id"]
        )

    async def kill(self, package: str) -> None:
        for each, process in self.release.processes:
            if each == package:
                process.kill()
                await process.wait()

    async def seen(self, batches: list[str], endpoints: list[str]) -> dict[str, Any]:
        """What the release shows of all this, by path."""
        paths = [f"/v1/jobs/{job_id}" for job_id in self.jobs.values()]
        paths += [f"/v1/jobs/{job_id}/events" for job_id in self.jobs.values()]
        paths += ["/v1/jobs?tag=b", "/v1/jobs?status=queued", "/v1/events?limit=100"]
        paths += [f"/v1/batches/{batch_id}" for batch_id in batches]
        paths += [f"/v1/webhook-endpoints/{endpoint_id}" for endpoint_id in endpoints]
        paths += [f"/v1/webhook-endpoints/{endpoint_id}/secret" for endpoint_id in endpoints]
        paths += [f"/v1/webhook-endpoints/{endpoint_id}/deliveries" for endpoint_id in endpoints]
        paths += ["/v1/templates", "/v1/templates/letter", "/v1/templates/letter/versions"]
        paths += ["/v1/templates/letter/versions/1"]
        return {path: await self.call("GET", path) for path in paths}

    async def make(self) -> dict[str, Any]:
        self.receiver.answer = _answer
        ok, gone, busy = [await self.endpoint(path) for path in ("/ok", "/gone", "/busy")]
        batches = [await self.finished_work()]
        for endpoint_id, status in ((ok, "succeeded"), (gone, "discarded"), (busy, "pending")):
            await eventually(_any(self.deliveries, endpoint_id, status))
        await self.exhaust(busy)
        slow = await self.endpoint("/slow")
        await self.job("told_slowly", {"html": "<p>Slow</p>"})
        await eventually(_any(self.deliveries, slow, "sending"))
        await self.kill("notifier")
        batches.append(await self.unfinished_work())
        seen = await self.seen(batches, [ok, gone, busy, slow])
        url = f"{self.release.url}/v1/jobs/{self.jobs['succeeded']}/result"
        async with self.release.http.get(url) as answer:
            result = hashlib.sha256(await answer.read()).hexdigest()
        await self.kill("api")
        await self.bring_forward(busy)
        for status in ("retrying", "running", "scheduled"):
            assert seen[f"/v1/jobs/{self.jobs[status]}"]["status"] == status, (
                f"{status} is over: make it again"
            )
        return {
            "jobs": self.jobs,
            "batches": dict(zip(("completed", "waiting"), batches, strict=True)),
            "endpoints": {"ok": ok, "gone": gone, "busy": busy, "slow": slow},
            "result_sha256": result,
            "cursor": seen["/v1/events?limit=100"]["next_cursor"],
            "seen": seen,
            "keys": await dump(self.redis),
        }


def _any(find: Any, *arguments: str) -> Any:
    async def found() -> bool:
        return bool(await find(*arguments))

    return found


async def _answer(request: web.Request) -> web.Response:
    if request.path == "/slow":
        await asyncio.Event().wait()
    return web.Response(status={"/gone": 410, "/busy": 500}.get(request.path, 200))


def _in_seconds(seconds: float) -> str:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


async def main(checkout: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        valkey = FaultyValkey(directory / "valkey")
        valkey.start()
        redis = Redis.from_url(valkey.url)
        processes = ("api", "jobs", "notifier")
        try:
            async with (
                Receiver.listening() as receiver,
                Deployment.running(valkey.url, directory, processes, root=checkout, **ENVIRON) as release,
            ):
                made = await Maker(release, receiver, redis).make()
                address = receiver.url.removeprefix("http://").removesuffix("/hook")
        finally:
            await redis.aclose()
            valkey.stop()
    text = json.dumps(made, indent=1, ensure_ascii=False).replace(address, RECEIVER)
    target.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).resolve(), Path(__file__).parent / sys.argv[2]))
