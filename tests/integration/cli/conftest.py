"""A web process over the real store, and a `Terminal` that runs commands against it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from jobs.core.settings import ApiKey, Settings
from testsupport.core import Core
from testsupport.project import ROOT
from testsupport.waiting import DEADLINE_S
from testsupport.web_server import serving

KEY = "acme-key-0123456789"


@dataclasses.dataclass(frozen=True)
class Ended:
    exit_code: int
    stdout: str
    stderr: str


class Terminal:
    """Runs commands against the server at `port`, each as a process."""

    def __init__(self, port: int, directory: Path) -> None:
        self.directory = directory
        self.port = port
        self._environ = {"PORT": str(port), "PRESSRUN_API_KEY": KEY, "PYTHONPATH": str(ROOT)}

    async def run(self, *arguments: str, stdin: str = "", **environ: str) -> Ended:
        async with self.started(*arguments, **environ) as process, asyncio.timeout(DEADLINE_S):
            stdout, stderr = await process.communicate(stdin.encode())
            assert process.returncode is not None
            return Ended(process.returncode, stdout.decode(), stderr.decode())

    @asynccontextmanager
    async def started(self, *arguments: str, **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from api.cli import main; main(prog_name='pressrun')",
            *arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], **self._environ, **environ},
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@pytest.fixture
def settings(redis: Redis, redis_url: str, tmp_path: Path, closed_port: int) -> Settings:
    return Settings(
        redis_url=redis_url,
        data_dir=tmp_path / "data",
        api_keys=(ApiKey("acme", KEY),),
        secret_key=("a-secret-of-thirty-two-characters",),
        host="127.0.0.1",
        notifier_port=closed_port,
    )


@pytest.fixture
async def terminal(settings: Settings, tmp_path: Path) -> AsyncIterator[Terminal]:
    async with serving(settings) as (port, _, _):
        yield Terminal(port, tmp_path)


@pytest.fixture
async def core(redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path / "data")
    yield core
    await core.redis.aclose()
