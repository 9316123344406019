"""Measures what metrics cost: a scrape with a deep queue, and counting where it happens most.

- Scrape: `GET /metrics` of a web process, in OpenMetrics, with 100 and with 100,000 queued jobs.
- Counting: what is counted for a submission, for a run and for a pushed event, in one loop.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable

from prometheus_client.registry import CollectorRegistry

from api.monitoring.metrics import Metrics
from benchmarks.harness import deployed, percentile, print_target, run_parts, summary
from benchmarks.load import post, saturated
from jobs.core.job import Claim, Result
from jobs.monitoring.store import StoreMetrics
from jobs.worker.metrics import WorkerMetrics
from notifier.fanout.metrics import PushMetrics
from testsupport.metrics import OPEN_METRICS
from testsupport.sample_events import make_event, make_job

BATCH = 100
DEPTHS = (BATCH, 100_000)
SCRAPES = 300
CONNECTIONS = 8
REPETITIONS = 200_000
BODY = json.dumps({"jobs": [{"kind": "pdf.render", "input": {"html": "<p>Hello"}}] * BATCH}).encode()


async def scrape() -> None:
    async with deployed(("api",), PRESSRUN_MAX_QUEUED="10000000") as deployment:
        queued = 0
        for depth in DEPTHS:
            batches = (depth - queued) // BATCH
            request = post(deployment.port, "/v1/batches", BODY)
            await saturated(deployment.port, request, min(CONNECTIONS, batches), batches)
            queued = depth
            costs, size = [], 0
            for _ in range(SCRAPES):
                began_s = time.perf_counter()
                async with deployment.http.get(
                    f"{deployment.url}/metrics", headers={"accept": OPEN_METRICS}
                ) as answer:
                    page = await answer.read()
                costs.append(time.perf_counter() - began_s)
                size = len(page)
            waiting = next(
                line for line in page.decode().splitlines() if 'pdf.render",priority="normal"} ' in line
            )
            print(f"scrape, {float(waiting.split()[-1]):,.0f} jobs waiting, {size} bytes: {summary(costs)}")
    print_target(f"p50 at {DEPTHS[-1]} jobs", percentile(costs, 50) * 1000, 5, at_most=True, unit=" ms")


async def counting() -> None:
    registry = CollectorRegistry()
    web, store = Metrics(registry=registry), StoreMetrics(registry)
    worker, push = WorkerMetrics(CollectorRegistry()), PushMetrics(CollectorRegistry())
    job = make_job()
    event = dataclasses.replace(make_event(job, 1), written_ms=round(time.time() * 1000))
    claim = Claim(
        job_id=job.id, tenant="acme", kind="pdf.render", number=1, attempt=0, max_attempts=3, timeout_ms=None,
        spec=None, input_path=None, entry=b"", waited_ms=5, claimed_s=time.monotonic(),
    )  # fmt: skip
    details = {"pages": 1, "render_ms": 40, "peak_memory_bytes": 2**26, "cached": False}
    result = Result(body=b"x", content_type="application/pdf", filename="x.pdf", details=details)

    def submission() -> None:
        web.answered("POST", "/v1/jobs", 202)
        web.accepted("pdf.render", False)
        store.round_trip(0.0004, 1)

    def finished_run() -> None:
        worker.started(claim)
        worker.succeeded(claim, result)
        store.round_trip(0.0004, 2)

    def pushed_event() -> None:
        push.pushed(event)

    for what, most_us in ((submission, 3.0), (finished_run, 20.0), (pushed_event, 3.0)):
        name = f"counting for a {what.__name__.replace('_', ' ')}"
        print_target(name, fastest_us(what), most_us, at_most=True, unit=" µs")


def fastest_us(what: Callable[[], None]) -> float:
    """Returns the microseconds of one call, in the fastest of five rounds."""
    rounds = []
    for _ in range(5):
        began_s = time.perf_counter()
        for _ in range(REPETITIONS // 5):
            what()
        rounds.append((time.perf_counter() - began_s) / (REPETITIONS // 5) * 1e6)
    return min(rounds)


if __name__ == "__main__":
    run_parts({"scrape": scrape, "counting": counting})
