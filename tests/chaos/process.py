"""A process of the Procfile that is started again whenever it ends, as by `pressrun up`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from api.cli.local.die_with_parent import die_with_parent

RESTART_S = 0.3
"""`pressrun up` waits longer with each of several ends within a minute. Here a process that is hit
often would hardly run at all."""
TERMINATES_WITHIN_S = 60.0
"""After SIGTERM, on a busy machine and with the store away. Then it is killed, and it is a
finding."""


class SupervisedProcess:
    """`python -m module`. Its output goes to a log file, one for all its starts."""

    def __init__(self, name: str, module: str, environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.starts = 0
        self.findings: list[str] = []
        """Ends that nobody caused, and ends that did not come after SIGTERM."""
        self._module = module
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None
        self._end_is_due = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_running())

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the process, if it runs."""
        if self._process is not None and self._process.returncode is None:
            if number in (signal.SIGKILL, signal.SIGTERM):
                self._end_is_due = True
            self._process.send_signal(number)
            if number == signal.SIGTERM:
                asyncio.get_running_loop().call_later(TERMINATES_WITHIN_S, self._kill_late, self._process)

    def children(self) -> list[int]:
        """Ids of the processes that it has started, and of those that these have started."""
        return descendants(self._process.pid) if self._process is not None else []

    async def stop(self) -> None:
        """Terminates the process and does not start it again."""
        if self._task is None:
            return
        process = self._process
        self._task.cancel()
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        if process is not None:
            try:
                async with asyncio.timeout(TERMINATES_WITHIN_S):
                    await process.wait()
            except TimeoutError:
                self._kill_late(process)
                await process.wait()
            _kill_group(process.pid)

    async def _keep_running(self) -> None:
        while True:
            self._end_is_due = False
            with self.log.open("ab") as log:
                self._process = process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    self._module,
                    env=self._environ,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=die_with_parent(),
                )
            self.starts += 1
            code = await process.wait()
            _kill_group(process.pid)
            if not self._end_is_due:
                self.findings.append(f"{self.name} ended by itself with code {code}")
            await asyncio.sleep(RESTART_S)

    def _kill_late(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            self.findings.append(f"{self.name} still ran {TERMINATES_WITHIN_S:g} s after SIGTERM")
            process.kill()


def descendants(pid: int) -> list[int]:
    """Returns the ids of all processes below `pid`, sorted."""
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    children: dict[int, list[int]] = {}
    for line in table.stdout.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    new = [pid]
    while new:
        new = [child for parent in new for child in children.get(parent, [])]
        found += new
    return sorted(found)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
