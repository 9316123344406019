"""How a render child is started: by itself, or by the fork server of the worker.

Only Linux has what a fork server needs. Elsewhere, and if the fork server cannot fork, each child
is a program that starts anew.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Protocol

from jobs.core.errors import CannotServe
from jobs.render.parent.spawn import ChildHandle, spawn_connected

CHILD_COMMAND = (sys.executable, "-m", "jobs.render.child.main")

KILLED_FROM_OUTSIDE = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})
_SHORTAGES = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT})


class RendererNotStarted(CannotServe):
    """A render child did not become ready. The message says why."""

    def __init__(self, message: str, *, passes: bool = False) -> None:
        """`passes`: the reason is not the child itself, so that the next one may become ready."""
        super().__init__(message)
        self.passes = passes


def could_not_be_started(error: OSError) -> RendererNotStarted:
    """Returns what to raise if the system refuses a process."""
    return RendererNotStarted(
        f"A render child could not be started: {error}.", passes=error.errno in _SHORTAGES
    )


class ChildStarter(Protocol):
    """Starts render children. Use it from one event loop only."""

    async def start(self, directory: str) -> tuple[ChildHandle, socket.socket]:
        """Starts a child that works in `directory` and waits for its configuration.

        Returns the child and this side of the socket pair to it.

        Raises:
            RendererNotStarted
        """

    async def close(self) -> None:
        """Ends what starts children, and the starts that are under way. Children that run go on."""


class Spawner:
    """Starts a program for each child. It takes a second to get warm."""

    def __init__(self, command: Sequence[str] = CHILD_COMMAND) -> None:
        self._command = command

    async def start(self, directory: str) -> tuple[asyncio.subprocess.Process, socket.socket]:
        try:
            return await spawn_connected(self._command, directory)
        except OSError as error:
            raise could_not_be_started(error) from None

    async def close(self) -> None:
        pass
