"""Memory of an idle connection with one subscription, against a bare `websockets` connection.

    python -m benchmarks.push_idle [connections]

The figure is the server's resident memory with all connections, less that without, divided by their
number. The target is 18 KiB.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import describe_machine, print_target, run, store
from benchmarks.push_readers import json_frame, memory_kib, open_readers, plain_server, raise_limits
from jobs.core.tokens import Scope, Tokens
from testsupport.core import Core
from testsupport.notifier_process import NotifierProcess

SECRET = "s" * 32
WARM_UP = 200


async def ours(connections: int) -> float:
    environ = {
        "PRESSRUN_API_KEYS": "acme:0123456789abcdef",
        "PRESSRUN_SECRET_KEY": SECRET,
        "PRESSRUN_HOST": "127.0.0.1",
        "PRESSRUN_LOG_LEVEL": "warning",
    }
    with store() as redis_url, tempfile.TemporaryDirectory() as directory:
        core = Core.open(redis_url, Path(directory))
        job = await core.submit()
        token, _ = Tokens([SECRET]).mint("acme", Scope(job_id=job.id), time.time(), 3600)
        first = [json_frame(type="auth", token=token), json_frame(type="subscribe", id=1, job_id=job.id)]
        async with NotifierProcess(REDIS_URL=redis_url, PRESSRUN_DATA_DIR=directory, **environ) as notifier:
            async with notifier.client():
                pass
            each = await _measure(notifier.process.pid, notifier.port, connections, first)
        await core.redis.aclose()
    return each


async def plain(connections: int) -> float:
    async with plain_server("0", "0") as (port, process):
        return await _measure(process.pid, port, connections, [json_frame(type="subscribe")])


async def _measure(pid: int, port: int, connections: int, first: list[bytes]) -> float:
    readers = await open_readers(port, WARM_UP, first)
    before = memory_kib(pid)
    readers += await open_readers(port, connections, first)
    await asyncio.sleep(1)
    each = (memory_kib(pid) - before) / connections
    for reader in readers:
        reader.transport.abort()
    return each


async def main() -> None:
    describe_machine()
    raise_limits()
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    bare = await plain(connections)
    each = await ours(connections)
    print(f"{connections:,} connections: notifier {each:.1f} KiB each, bare websockets server {bare:.1f} KiB")
    print_target("memory an idle connection", each, 18, at_most=True, unit=" KiB")


if __name__ == "__main__":
    run(main())
