"""Starts the child processes of a worker."""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from pathlib import Path

import jobs
from jobs.render.child.confine import child_environment


async def spawn(command: Sequence[str], directory: str, stdin: socket.socket) -> Process:
    """Starts `command` in a process group of its own, with no secrets in its environment."""
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=stdin.fileno(),
        stdout=DEVNULL,
        stderr=DEVNULL,
        cwd=directory,
        env=child_environment(os.environ, import_root=str(Path(jobs.__file__).parent.parent)),
        start_new_session=True,
    )
