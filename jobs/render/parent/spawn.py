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

import jobs
from jobs.render.child.confine import child_environment


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


def kill_group(process: Process) -> None:
    """Kills a process that `spawn` started, and every process that it started itself."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
