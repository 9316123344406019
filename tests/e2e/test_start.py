"""Processes that start while the store comes and goes."""

from __future__ import annotations

from pathlib import Path

from redis.asyncio import Redis

from testsupport.cutting_proxy import CuttingProxy
from testsupport.deployment import Deployment
from testsupport.valkey import FaultyValkey


async def test_no_process_ends_if_the_store_goes_away_while_it_starts(
    redis: Redis, valkey: FaultyValkey, tmp_path: Path
) -> None:
    # What arq asks when it starts, and what finds out whether the store is a cluster: each is lost
    # more often than a client tries by itself.
    proxy = CuttingProxy(valkey.port, {b"Server": 5, b"cluster": 5})
    async with proxy.running():
        url = f"redis://127.0.0.1:{proxy.port}/0"
        async with Deployment.running(url, tmp_path, ("jobs", "notifier", "api")) as running:
            submitted = await running.submit("<p>x</p>")
            await running.until(submitted["id"], "succeeded")
            assert [process.returncode for _, process in running.processes] == [None] * 3
    assert proxy.cuts == {b"Server": 0, b"cluster": 0}
