"""Measures `POST /v1/jobs` through one web process, and `/healthz` while all slots render.

Each accepted job is durable before it is answered. The load comes from this process, over loopback;
web, store and load share the cores of the machine.
"""

from __future__ import annotations

import asyncio
import json
import os

from benchmarks.harness import deployed, percentile, print_target, run, summary
from benchmarks.load import get, offered, post, saturated
from testsupport.documents import ENDLESS

CONNECTIONS = 64
COUNT = 30_000
RATE = 2_000
SECONDS = 10
BODY = json.dumps(
    {"kind": "pdf.render", "input": {"html": "<h1>Hello</h1><p>A small document.</p>"}}
).encode()


async def submissions() -> None:
    async with deployed(("api",), PRESSRUN_MAX_QUEUED="10000000") as deployment:
        async with deployment.http.get(f"{deployment.url}/readyz") as answer:
            print(f"durability by /readyz: {(await answer.json())['store']['durability']}")
        request = post(deployment.port, "/v1/jobs", BODY)
        await saturated(deployment.port, request, CONNECTIONS, 2_000)
        rate, latencies, statuses = await saturated(deployment.port, request, CONNECTIONS, COUNT)
        print(
            f"saturated, {CONNECTIONS} connections: {rate:.0f} accepted/s, {summary(latencies)}, statuses {statuses}"
        )
        paced, statuses = await offered(deployment.port, request, RATE, SECONDS, CONNECTIONS)
        print(f"{RATE}/s offered for {SECONDS} s: {summary(paced)}, statuses {statuses}")
    print_target("accepted jobs a second", rate, 6_000, at_most=False)
    print_target(f"p99 at {RATE}/s", percentile(paced, 99) * 1000, 25, at_most=True, unit=" ms")


async def health_while_busy() -> None:
    slots = os.cpu_count() or 1
    async with deployed(("api", "jobs", "notifier"), PRESSRUN_WORKER_SLOTS=str(slots)) as deployment:
        endless = [await deployment.submit(ENDLESS) for _ in range(slots)]
        for job in endless:
            await deployment.until(job["id"], "running")
        latencies, statuses = await offered(
            deployment.port, get(deployment.port, "/healthz"), 100, SECONDS, 4
        )
        print(f"/healthz at 100/s while every slot renders: {summary(latencies)}, statuses {statuses}")
        for job in endless:
            async with deployment.http.post(f"{deployment.url}/v1/jobs/{job['id']}/cancel"):
                pass
    print_target("p99 of /healthz", percentile(latencies, 99) * 1000, 20, at_most=True, unit=" ms")


async def main() -> None:
    await submissions()
    await asyncio.sleep(1)
    await health_while_busy()


if __name__ == "__main__":
    run(main())
