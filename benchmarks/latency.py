"""Measures the latency of an idle system.

- From submission to `job.succeeded` on the WebSocket, less the render. The time of the render is
  what the child measured (`render_ms`, rounded to a millisecond either way).
- From submission to the start of the work, in one process that submits and works, with a runner
  that notes the time.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.harness import INVOICE, deployed, percentile, print_target, run, store, summary
from jobs.core.job import Result
from jobs.kinds import Run
from testsupport.core import Core
from testsupport.event_watcher import Watcher

ROUNDS = 300
WARM_UP = 20
PAUSE_S = 0.02


async def notified(
    session: aiohttp.ClientSession, url: str, ws_url: str, document: str, options: dict[str, Any]
) -> tuple[float, dict[str, Any]]:
    """Submits a document; returns the seconds until its `succeeded` frame, and the result."""
    body = json.dumps({"kind": "pdf.render", "input": {"html": document}, "options": options})
    async with session.ws_connect(ws_url) as socket:
        began = time.perf_counter()
        async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
            job = await answer.json()
        await socket.send_json({"type": "subscribe", "id": 2, "job_id": job["id"]})
        while True:
            frame = await socket.receive_json()
            job = frame.get("event", {}).get("data", {}).get("job") or frame.get("snapshot")
            if job and job["status"] == "succeeded":
                return time.perf_counter() - began, job["result"]


async def end_to_end() -> None:
    async with deployed(("api", "jobs", "notifier")) as deployment, aiohttp.ClientSession() as session:
        overheads = []
        for round_number in range(WARM_UP + ROUNDS):
            total_s, result = await notified(
                session, f"{deployment.url}/v1/jobs", deployment.ws_url, INVOICE, {"cache": False}
            )
            if round_number >= WARM_UP:
                overheads.append(total_s - result["render_ms"] / 1000)
            await asyncio.sleep(PAUSE_S)
    print(f"submission → job.succeeded, less the render, {ROUNDS} invoices:  {summary(overheads)}")
    print_target("median", percentile(overheads, 50) * 1000, 6, at_most=True, unit=" ms")
    print_target("p99", percentile(overheads, 99) * 1000, 20, at_most=True, unit=" ms")


async def start_latency() -> None:
    with store() as redis_url, tempfile.TemporaryDirectory() as directory:
        core = Core.open(redis_url, Path(directory))
        began: dict[str, float] = {}

        async def note(run: Run) -> Result:
            began[run.claim.job_id] = time.perf_counter()
            return Result(body=b"x", content_type="text/plain", filename="x")

        latencies = []
        async with Watcher.following(core.redis) as watcher, core.worker({"test": note}):
            for round_number in range(WARM_UP + ROUNDS):
                submitted = time.perf_counter()
                job = await core.submit()
                await watcher.terminal(job.id)
                if round_number >= WARM_UP:
                    latencies.append(began[job.id] - submitted)
                await asyncio.sleep(PAUSE_S)
        await core.redis.aclose()
    print(f"submission → work begins, empty queue, {ROUNDS} jobs:  {summary(latencies)}")
    print_target("median", percentile(latencies, 50) * 1000, 3, at_most=True, unit=" ms")


async def main() -> None:
    await end_to_end()
    await start_latency()


if __name__ == "__main__":
    run(main())
