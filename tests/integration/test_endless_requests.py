"""Endless and slow requests cost web and notifier processes next to nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from testsupport.ports import free_port
from testsupport.project import ROOT, environ_without_settings
from testsupport.raw_client import RawClient
from testsupport.waiting import DEADLINE_S, eventually

ENDLESS_BYTES = 100_000_000
PROCESSOR_S = 2.0
"""Generous: mostly it is less than 0.1 s. Without bounds, it is more than 10."""
ENDLESS = [
    (b"GET /", b"a" * 100_000),
    (b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ", b"a" * 100_000),
    (b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n", b"a: b\r\n" * 15_000),
    (b"", b"\r\n" * 50_000),
    (b"POST /healthz HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ", b"a" * 100_000),
    (b"POST /healthz HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;", b"a" * 100_000),
]
"""How requests begin, and what follows without an end."""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def processor_s(pid: int) -> float:
    """Returns how much processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.asynccontextmanager
async def running(module: str, redis_url: str, data_dir: Path) -> AsyncIterator[tuple[int, int]]:
    """Yields port and process id of a process that serves."""
    port = free_port()
    ports = {"PORT": str(port), "PRESSRUN_NOTIFIER_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        cwd=ROOT,
        env={
            **environ_without_settings(),
            **ports,
            "REDIS_URL": redis_url,
            "PRESSRUN_DATA_DIR": str(data_dir),
        },
    )
    try:
        await eventually(lambda: is_well(port))
        yield port, process.pid
    finally:
        process.kill()
        await process.wait()


async def is_well(port: int) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (
                await client.get(f"http://127.0.0.1:{port}/healthz", timeout=DEADLINE_S)
            ).status_code == 200
        except httpx.TransportError:
            return False


async def pour(port: int, beginning: bytes, more: bytes) -> None:
    """Sends `ENDLESS_BYTES`, or as much as the server takes."""
    async with RawClient.connected(port) as client:
        with contextlib.suppress(ConnectionError):
            await client.say(beginning)
            for _ in range(ENDLESS_BYTES // len(more)):
                await client.say(more)


@pytest.mark.parametrize("module", ["api", "notifier"])
async def test_an_endless_request_costs_what_its_bounds_cost(
    redis: Redis, redis_url: str, tmp_path: Path, module: str
) -> None:
    async with running(module, redis_url, tmp_path) as (port, pid):
        for beginning, more in ENDLESS:
            before, pouring = processor_s(pid), asyncio.create_task(pour(port, beginning, more))
            while not pouring.done():
                assert await is_well(port)
            await pouring
            assert processor_s(pid) - before < PROCESSOR_S, beginning
