"""The time from an event in the store to its frame at the client: one subscriber, a quiet system.

    python -m benchmarks.push_latency [events]

The clock starts when the store has acknowledged the step (the append-only file is flushed by then)
and stops when the client has the whole frame. A frame that arrives before that acknowledgement
counts as 0. Targets: p50 3 ms, p99 15 ms.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import describe_machine, percentile, print_target, run, store, summary
from benchmarks.push_readers import Reader, json_frame, open_readers, plain_server
from jobs.core.settings import LOCAL_TENANT
from testsupport.core import Core
from testsupport.notifier_process import NotifierProcess


async def ours(events: int) -> list[float]:
    latencies = []
    arrived = asyncio.Event()
    with store() as redis_url, tempfile.TemporaryDirectory() as directory:
        core = Core.open(redis_url, Path(directory))
        environ = {"REDIS_URL": redis_url, "PRESSRUN_DATA_DIR": directory, "PRESSRUN_LOG_LEVEL": "warning"}
        async with NotifierProcess(**environ) as notifier:
            async with notifier.client():
                pass
            subscribe = json_frame(type="subscribe", id=1, channel="jobs")
            (reader,) = await open_readers(notifier.port, 1, [subscribe], lambda _: arrived.set())
            for _ in range(events):
                await core.submit(tenant=LOCAL_TENANT)
                written = time.perf_counter()
                await arrived.wait()
                arrived.clear()
                latencies.append(max(0.0, reader.at - written))
                await asyncio.sleep(0.005)
        await core.redis.aclose()
    return latencies[events // 10 :]


async def plain(events: int) -> list[float]:
    """The round trip from a client to a bare server: what the sockets alone cost."""
    latencies, arrived = [], asyncio.Event()
    async with plain_server("1", "1000") as (port, _):
        reader = (await open_readers(port, 1, [json_frame(type="subscribe")], lambda _: arrived.set()))[0]
        for _ in range(events):
            await _again(reader, arrived, latencies)
    return latencies[events // 10 :]


async def _again(reader: Reader, arrived: asyncio.Event, latencies: list[float]) -> None:
    await arrived.wait()
    arrived.clear()
    began = time.perf_counter()
    reader.ask(json_frame(type="subscribe"))
    await arrived.wait()
    latencies.append(reader.at - began)


async def main() -> None:
    describe_machine()
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    print(f"bare websockets server, there and back: {summary(await plain(events))}")
    latencies = await ours(events)
    print(f"event written → frame at the client:    {summary(latencies)}")
    print_target("median", percentile(latencies, 50) * 1000, 3, at_most=True, unit=" ms")
    print_target("p99", percentile(latencies, 99) * 1000, 15, at_most=True, unit=" ms")


if __name__ == "__main__":
    run(main())
