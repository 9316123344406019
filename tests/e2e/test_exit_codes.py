"""Every process ends with exit code 0 after it was asked to: else a deploy looks like a failure."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from redis.asyncio import Redis

from testsupport.command import Command, assert_gone
from testsupport.deployment import Deployment
from testsupport.documents import ENDLESS
from testsupport.ports import free_port
from testsupport.valkey import FaultyValkey
from testsupport.waiting import DEADLINE_S, eventually

PACKAGES = ("api", "jobs", "notifier")


async def all_ready(deployment: Deployment) -> None:
    def worker_is_ready() -> bool:
        lines = deployment.log_lines("jobs", PACKAGES.index("jobs"))
        return any(line["event"] == "worker.ready" for line in lines)

    await deployment.ready()
    await eventually(worker_is_ready)


async def exit_codes(deployment: Deployment) -> dict[str, int]:
    async with asyncio.timeout(DEADLINE_S):
        return {package: await process.wait() for package, process in deployment.processes}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_idle_processes_exit_with_0(
    redis: Redis, redis_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    async with Deployment.running(redis_url, tmp_path, PACKAGES) as deployment:
        await all_ready(deployment)
        for _, process in deployment.processes:
            process.send_signal(number)
        assert await exit_codes(deployment) == {"api": 0, "jobs": 0, "notifier": 0}


async def test_busy_processes_exit_with_0(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    async with Deployment.running(redis_url, tmp_path, PACKAGES, PRESSRUN_DRAIN_SECONDS="0") as deployment:
        await all_ready(deployment)
        job = await deployment.submit(ENDLESS)
        await deployment.until(job["id"], "running")
        async with (
            deployment.http.ws_connect(deployment.ws_url),
            deployment.http.ws_connect(f"{deployment.url}/v1/ws"),
        ):
            for _, process in deployment.processes:
                process.send_signal(signal.SIGTERM)
            assert await exit_codes(deployment) == {"api": 0, "jobs": 0, "notifier": 0}


async def test_processes_whose_store_is_away_exit_with_0(own_valkey: FaultyValkey, tmp_path: Path) -> None:
    async with Deployment.running(own_valkey.url, tmp_path, PACKAGES) as deployment:
        await all_ready(deployment)
        own_valkey.stop()
        for _, process in deployment.processes:
            process.send_signal(signal.SIGTERM)
        assert await exit_codes(deployment) == {"api": 0, "jobs": 0, "notifier": 0}


STOPPED_EARLY = """
import os, signal
import jobs.__main__ as main

build = main.build

def stopped(settings):
    worker = build(settings)
    os.kill(os.getpid(), signal.SIGTERM)
    return worker

main.build = stopped
main.run_process("worker", main.work)
"""


async def test_a_worker_that_is_stopped_before_its_loop_runs_exits_with_0(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    environ = Deployment(redis_url, tmp_path).environ
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", STOPPED_EARLY, env=environ)
    try:
        async with asyncio.timeout(DEADLINE_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_up_and_all_that_it_starts_exit_with_0(tmp_path: Path) -> None:
    environ = {
        "PORT": str(free_port()),
        "PRESSRUN_NOTIFIER_PORT": str(free_port()),
        "PRESSRUN_WORKER_SLOTS": "1",
    }
    with Command("up", directory=tmp_path, environ=environ) as command:
        pids = [int(command.line(rf"{name} started, pid (\d+)")[1]) for name in ("web", "worker", "notifier")]
        command.lines_with("ready: ", r"worker\.ready")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
    for name in ("web", "worker", "notifier"):
        assert f"{name} ended with code 0" in command.output
    assert_gone(pids)
