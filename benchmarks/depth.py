"""Measures what a deep queue costs: claims, start latency and memory with 10 to 1,000,000 jobs.

- Claim cost: one `claim` of one job from a ready set of that depth, with its round trip, without
  the clean-up of the claim.
- Start latency: so many jobs are scheduled for later, a worker is idle, and one job is submitted to
  run now.
- Memory: what Valkey uses for each queued job besides its input, with the settings of the embedded
  server (`hash-max-listpack-value 2048`). The event log and the bus are bounded, so their share
  shrinks as the queue grows.

Each measurement waits until the store has finished the background work that filling it caused.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.harness import describe_machine, percentile, print_target, run, settle, store, summary
from jobs.core.ids import new_job_id
from jobs.core.job import Result, Submission
from jobs.kinds import Run
from jobs.store import keys
from testsupport.core import Core
from testsupport.event_watcher import Watcher

DEPTHS = (10, 1_000, 100_000, 1_000_000)
CLAIMS = 300
STARTS = 200
SPEC = b'{"input":{"html":"<p>x</p>"},"options":{}}'


async def fill(core: Core, depth: int, **fields: int) -> None:
    """Brings the tenant's jobs up to `depth`."""
    have = await core.redis.zcard(keys.JOBS + "acme")
    while have < depth:
        batch = min(2_000, depth - have)
        await asyncio.gather(*(submit(core, **fields) for _ in range(batch)))
        have += batch
    await settle(core.redis)


async def submit(core: Core, **fields: int) -> str:
    submission = Submission(job_id=new_job_id(), tenant="acme", kind="test", spec=SPEC, **fields)  # type: ignore[arg-type]
    return (await core.store.submit(submission)).job.id


async def claim_cost(core: Core) -> list[float]:
    costs = []
    for _ in range(CLAIMS):
        began = time.perf_counter()
        batch = await core.queue.claim(1)
        costs.append(time.perf_counter() - began)
        await core.queue.release(batch.claims[0])
    return costs


async def start_latency(core: Core) -> list[float]:
    began: dict[str, float] = {}

    async def note(run: Run) -> Result:
        began[run.claim.job_id] = time.perf_counter()
        return Result(body=b"x", content_type="text/plain", filename="x")

    latencies = []
    async with Watcher.following(core.redis) as watcher, core.worker({"test": note}):
        for _ in range(STARTS):
            submitted = time.perf_counter()
            job_id = await submit(core)
            await watcher.terminal(job_id)
            latencies.append(began[job_id] - submitted)
            await asyncio.sleep(0.005)
    return latencies[STARTS // 10 :]


async def ready_queue() -> None:
    medians = {}
    with store() as redis_url, tempfile.TemporaryDirectory() as directory:
        core = Core.open(redis_url, Path(directory), PRESSRUN_MAX_QUEUED="100000000")
        empty = (await core.redis.info("memory"))["used_memory"]
        for depth in DEPTHS:
            await fill(core, depth)
            costs = await claim_cost(core)
            medians[depth] = percentile(costs, 50)
            used = (await core.redis.info("memory"))["used_memory"]
            inputs = depth * await core.redis.memory_usage(keys.INPUT + await some_job(core))
            log = await core.redis.memory_usage(keys.LOG + "acme", samples=0)
            bus = await core.redis.memory_usage(keys.BUS, samples=0)
            each = (used - empty - inputs) / depth / 1024
            without = (used - empty - inputs - log - bus) / depth / 1024
            print(f"{depth:>9,} ready: claim {summary(costs)}")
            print(f"{'':>9}  {each:.2f} KiB a job, {without:.2f} KiB without the event log and the bus")
        await core.redis.aclose()
    print_target(
        "claim cost, deepest to shallowest",
        medians[DEPTHS[-1]] / medians[DEPTHS[0]],
        1.5,
        at_most=True,
        unit="×",
    )
    print_target("memory a queued job, event log and bus included", each, 2.2, at_most=True, unit=" KiB")


async def some_job(core: Core) -> str:
    (job_id,) = await core.redis.zrange(keys.JOBS + "acme", 0, 0)
    return str(job_id.decode())


async def scheduled_queue() -> None:
    medians = {}
    with store() as redis_url, tempfile.TemporaryDirectory() as directory:
        core = Core.open(redis_url, Path(directory), PRESSRUN_MAX_QUEUED="100000000")
        later = int(time.time() * 1000) + 86_400_000
        for depth in DEPTHS:
            await fill(core, depth, scheduled_at_ms=later)
            latencies = await start_latency(core)
            medians[depth] = percentile(latencies, 50)
            print(f"{depth:>9,} scheduled: submission → work begins {summary(latencies)}")
        await core.redis.aclose()
    print_target(
        "start latency, deepest to shallowest",
        medians[DEPTHS[-1]] / medians[DEPTHS[0]],
        1.5,
        at_most=True,
        unit="×",
    )


async def main() -> None:
    describe_machine()
    await ready_queue()
    await scheduled_queue()


if __name__ == "__main__":
    run(main())
