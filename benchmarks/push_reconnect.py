"""Many clients that reconnect at once, each with a backlog, against a bare server.

    python -m benchmarks.push_reconnect [clients] [backlog]

Each client asks for everything after one old cursor; the bare server sends as many bytes. Targets:
all caught up within 30 s, no process above 300 MB.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import describe_machine, print_target, run, store
from benchmarks.push_readers import Reader, json_frame, memory_kib, open_readers, plain_server, raise_limits
from jobs.core.settings import LOCAL_TENANT
from testsupport.core import Core
from testsupport.notifier_process import NotifierProcess


async def catch_up(port: int, clients: int, backlog: int, first: list[bytes]) -> float:
    """Seconds until the last client has its whole backlog."""
    missing, done = clients, asyncio.Event()

    def count(reader: Reader) -> None:
        nonlocal missing
        if reader.events == backlog:
            missing -= 1
            if missing == 0:
                done.set()

    began = time.perf_counter()
    readers = await open_readers(port, clients, first, count)
    await done.wait()
    took = time.perf_counter() - began
    for reader in readers:
        reader.transport.abort()
    return took


async def main() -> None:
    describe_machine()
    raise_limits()
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    backlog = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    with store() as redis_url, tempfile.TemporaryDirectory() as directory:
        core = Core.open(redis_url, Path(directory))
        await core.submit(tenant=LOCAL_TENANT)
        cursor = await core.log.head(LOCAL_TENANT)
        jobs = [core.submit(tenant=LOCAL_TENANT) for _ in range(backlog)]
        await asyncio.gather(*jobs)
        size = len((await core.log.page(LOCAL_TENANT, cursor, 1)).bodies[0])
        environ = {"REDIS_URL": redis_url, "PRESSRUN_DATA_DIR": directory, "PRESSRUN_LOG_LEVEL": "warning"}
        async with NotifierProcess(**environ) as notifier:
            async with notifier.client():
                pass
            subscribe = json_frame(type="subscribe", id=1, channel="jobs", after=str(cursor))
            took = await catch_up(notifier.port, clients, backlog, [subscribe])
            notifier_mb = memory_kib(notifier.process.pid, "VmHWM") / 1024
        store_mb = (await core.redis.info("memory"))["used_memory_peak"] / 1024**2
        await core.redis.aclose()
    async with plain_server(str(backlog), str(size)) as (port, _):
        plain_took = await catch_up(port, clients, backlog, [json_frame(type="subscribe")])
    print(
        f"{clients:,} clients × {backlog} events of {size} bytes: {took:.1f} s; bare server {plain_took:.1f} s"
    )
    print_target("all caught up", took, 30, at_most=True, unit=" s")
    print_target("notifier, at most", notifier_mb, 300, at_most=True, unit=" MB")
    print_target("store, at most", store_mb, 300, at_most=True, unit=" MB")


if __name__ == "__main__":
    run(main())
