"""Starts child processes that may meet hostile input, and kills them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import jobs
from jobs.render.child.confine import child_environment


class ChildHandle(Protocol):
    """A child process of this process."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None:
        """How it ended, if `wait` has seen that: see `asyncio.subprocess.Process`."""

    async def wait(self) -> int:
        """Waits for its end and returns the `returncode`."""


async def spawn(
    command: Sequence[str], *, stdin: int, stdout: int = DEVNULL, directory: str | None = None
) -> Process:
    """Starts `command` in a process group of its own, with no secrets in its environment.

    Raises OSError.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=stdin,
        stdout=stdout,
        stderr=DEVNULL,
        cwd=directory,
        env=child_environment(os.environ, import_root=str(Path(jobs.__file__).parent.parent)),
        start_new_session=True,
    )


async def spawn_connected(command: Sequence[str], directory: str) -> tuple[Process, socket.socket]:
    """Starts `command` with one end of a socket pair as its standard input.

    Returns the process and the other end, which does not block. Raises OSError.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = await spawn(command, stdin=theirs.fileno(), directory=directory)
    except BaseException:
        ours.close()
        raise
    ours.setblocking(False)
    return process, ours


def kill_group(process: ChildHandle) -> None:
    """Kills a child process, and every process that it started itself, if it has not ended."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):  # it has no group of its own before it is configured
            os.kill(process.pid, signal.SIGKILL)
