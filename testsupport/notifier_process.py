"""Runs the notifier as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from websockets.asyncio.client import ClientConnection, connect

from testsupport.ports import free_port
from testsupport.project import ROOT, environ_without_settings
from testsupport.waiting import DEADLINE_S


class NotifierProcess:
    """`python -m notifier`, with these settings and no others."""

    def __init__(self, **environ: str) -> None:
        self.port = free_port()
        self._environ = {**environ_without_settings(), "PRESSRUN_NOTIFIER_PORT": str(self.port), **environ}
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> NotifierProcess:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "notifier", cwd=ROOT, env=self._environ, stderr=asyncio.subprocess.PIPE
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            await self.kill()

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def kill(self) -> None:
        """Kills the process."""
        self.process.kill()
        await self.process.communicate()

    async def ended(self) -> tuple[int | None, str]:
        """Returns the exit status and the log when the process has ended."""
        async with asyncio.timeout(DEADLINE_S):
            _, said = await self.process.communicate()
        return self.process.returncode, said.decode()

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[ClientConnection]:
        """Connects as soon as the process listens."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                try:
                    websocket = await connect(f"ws://127.0.0.1:{self.port}/v1/ws")
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        async with websocket:
            yield websocket
