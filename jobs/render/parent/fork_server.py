"""Starts the fork server (`jobs.render.child.fork_server`), and has it fork render children.

The worker is the parent of these children, because it adopts orphans while one is forked. So it
knows how each ended, can kill each for certain, and loses none if the fork server dies.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import structlog

from jobs.isolation.linux import PR_SET_CHILD_SUBREAPER, prctl
from jobs.render.parent.spawn import ChildHandle, kill_group, spawn_connected
from jobs.render.parent.starting import (
    KILLED_FROM_OUTSIDE,
    ChildStarter,
    RendererNotStarted,
    Spawner,
    could_not_be_started,
)
from jobs.render.protocol import failures, wire
from jobs.render.protocol.limits import RenderLimits

FORK_SERVER_COMMAND = (sys.executable, "-m", "jobs.render.child.fork_server")

_MAX_ANSWER_BYTES = 64 * 1024
FORK_SECONDS = 10.0
"""A fork takes some milliseconds, far more on a machine that has too much to do."""
_FIRST_LOOK_SECONDS = 0.001
_LAST_LOOK_SECONDS = 0.05
"""How often it is looked whether a killed process has ended; each pause is twice the one before."""

_CRASHES = frozenset(
    -number
    for number in (
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGILL,
        signal.SIGFPE,
        signal.SIGABRT,
        signal.SIGTRAP,
        signal.SIGSYS,
    )
)
"""How a process ends that runs into a wrong address, or that finds its memory damaged."""

log = structlog.get_logger("pressrun.render")


class CannotFork(Exception):
    """Children cannot be forked here. The message says why."""


def child_starter(limits: RenderLimits) -> ChildStarter:
    """Returns the fastest way to start children that this system has."""
    return ForkServer(limits) if sys.platform == "linux" else Spawner()


class ForkServer:
    """Has render children forked. Implements `ChildStarter`.

    The process is started with the first child, and again if it dies. If it cannot fork, children
    are started as programs, each of which takes a second to get warm.
    """

    def __init__(
        self,
        limits: RenderLimits,
        command: Sequence[str] = FORK_SERVER_COMMAND,
        *,
        fork_seconds: float = FORK_SECONDS,
        spawner: Spawner | None = None,
    ) -> None:
        """`fork_seconds`: a server that is late by so much is stuck, and is killed."""
        self._limits = limits
        self._command = command
        self._fork_seconds = fork_seconds
        self._spawner = spawner or Spawner()
        self._scratch = ""
        """The folder with the directories of all children."""
        self._can_fork = True
        self._process: _ServerProcess | None = None
        self._is_free = asyncio.Lock()
        """It answers one request at a time."""
        self._restarts: set[asyncio.Task[None]] = set()
        self._lives: set[asyncio.Task[int]] = set()
        """Of all processes that are not gone, also those that were killed before they were warm."""
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id of the fork server, if it runs."""
        return self._process.pid if self._process is not None and self._process.alive else None

    async def start(self, directory: str) -> tuple[ChildHandle, socket.socket]:
        async with self._is_free:
            self._scratch = os.path.dirname(directory)
            try:
                if self._can_fork:
                    return await (await self._running()).fork(directory, within_seconds=self._fork_seconds)
            except CannotFork as error:
                log.warning("fork_server.not_used", reason=str(error), effect="render children start slowly")
                self._can_fork = False
                if self._process is not None:
                    self._process.kill()
        return await self._spawner.start(directory)

    async def close(self) -> None:
        self._closed = True
        for task in self._restarts:
            task.cancel()
        await asyncio.gather(*self._restarts, return_exceptions=True)
        if self._process is not None:
            self._process.kill()
        if self._lives:
            await asyncio.wait(self._lives)

    async def _running(self) -> _ServerProcess:
        """Returns the process, which is started if there is none."""
        if self._process is None or not self._process.alive:
            process = await _ServerProcess.start(self._command, self._configuration(), self._lives)
            process.ended.add_done_callback(lambda ended: self._process_ended(process, ended))
            self._process = process
        return self._process

    def _configuration(self) -> dict[str, Any]:
        return {
            "parent_pid": os.getpid(),
            "scratch": self._scratch,
            "memory_bytes": self._limits.memory_bytes,
            "isolation": self._limits.isolation,
            "start_seconds": self._limits.start_seconds,
        }

    def _process_ended(self, process: _ServerProcess, ended: asyncio.Task[int]) -> None:
        if self._closed or ended.cancelled() or not self._can_fork:
            return
        if not process.was_killed:
            log.warning("fork_server.ended", reason=failures.how_it_ended(ended.result()))
        if process.forks:  # one that was of no use is not started again until a child is wanted
            task = asyncio.get_running_loop().create_task(self._restart())
            self._restarts.add(task)
            task.add_done_callback(self._restarts.discard)

    async def _restart(self) -> None:
        """Starts it before it is needed again. If that fails, the next child to start says why."""
        async with self._is_free:
            with suppress(RendererNotStarted, CannotFork):
                await self._running()


class _ServerProcess:
    """One process, from its start to its end. It is asked one thing at a time."""

    def __init__(self, process: Process, connection: socket.socket) -> None:
        self._process = process
        self._connection = connection
        self._decoder = wire.FrameDecoder(max_header_bytes=_MAX_ANSWER_BYTES, max_body_bytes=0)
        self._in_use = asyncio.Lock()
        self.forks = 0
        self.was_killed = False
        self.ended = asyncio.get_running_loop().create_task(self._live())
        """Done when the process is gone, and all that it has forked and not named.

        The result is its exit code.
        """

    @classmethod
    async def start(
        cls, command: Sequence[str], configuration: dict[str, Any], lives: set[asyncio.Task[int]]
    ) -> _ServerProcess:
        """Starts a process and returns it when it is warm. Its life is kept in `lives`.

        Raises:
            RendererNotStarted: it reported why it cannot start, died, or took too long.
            CannotFork
        """
        try:
            process, connection = await spawn_connected(command, "/")
        except OSError as error:
            raise could_not_be_started(error) from None
        server = cls(process, connection)
        lives.add(server.ended)
        server.ended.add_done_callback(lives.discard)
        answer = await server._ask(configuration, within_seconds=configuration["start_seconds"])
        match answer["type"]:
            case "ready":
                return server
            case "cannot_fork":
                await server._end()
                raise CannotFork(str(answer["message"]))
            case _:
                await server._end()
                raise RendererNotStarted(str(answer["message"]))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def fork(self, directory: str, *, within_seconds: float) -> tuple[ForkedChild, socket.socket]:
        """Returns a new child, and this side of the socket pair to it.

        Raises:
            RendererNotStarted: the process has died, is stuck, or the system refuses a child.
            CannotFork
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs, _adopting_orphans():
                request = {"type": "fork", "directory": directory}
                answer = await self._ask(request, theirs.fileno(), within_seconds=within_seconds)
            if answer["type"] != "forked":
                raise RendererNotStarted(str(answer["message"]), passes=True)
            child = ForkedChild(answer["pid"], self._child_ended)
            if not child.is_adopted():
                raise CannotFork("a forked process did not become a child of the worker")
        except BaseException:
            ours.close()  # which ends the child, if there is one
            raise
        ours.setblocking(False)
        self.forks += 1
        return child, ours

    def kill(self) -> None:
        """Kills the process, and all that it has forked and not named: see `ended`."""
        if self.alive:
            self.was_killed = True
            kill_group(self._process)

    def _child_ended(self, exit_code: int) -> None:
        """Ends the process after a crash of a child. All of them have the same layout in memory, so
        a document could try addresses in one child after the other."""
        if exit_code in _CRASHES:
            self.kill()

    async def _ask(self, question: dict[str, Any], *files: int, within_seconds: float) -> dict[str, Any]:
        """Returns the answer. The process is killed if none comes, also if the caller is cancelled.

        Raises RendererNotStarted.
        """
        try:
            async with self._in_use, asyncio.timeout(within_seconds):
                socket.send_fds(self._connection, [b"".join(wire.encode(question))], files)
                return await self._receive()
        except (OSError, EOFError, wire.WireError) as error:
            exit_code = await self._end()
            if isinstance(error, TimeoutError):
                message, passes = f"did not answer within {within_seconds:g} s", True
            elif isinstance(error, wire.WireError):
                message, passes = f"sent something unexpected ({error})", False
            else:
                message, passes = failures.how_it_ended(exit_code), exit_code in KILLED_FROM_OUTSIDE
            raise RendererNotStarted(
                f"The fork server of render children {message}.", passes=passes
            ) from None
        except BaseException:
            self.kill()  # its answer would be taken for the next one
            await asyncio.wait([self.ended])
            raise

    async def _receive(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self._connection, _MAX_ANSWER_BYTES):
            for frame in self._decoder.feed(data):
                return frame.header
        raise EOFError

    async def _end(self) -> int:
        self.kill()
        return await self.ended

    async def _live(self) -> int:
        exit_code = await self._process.wait()
        async with self._in_use:  # who waits for an answer sees the end of the connection first
            self._connection.close()
        await _end_group(self._process.pid)
        return exit_code


class ForkedChild:
    """A render child that the fork server has made. Implements `ChildHandle`."""

    def __init__(self, pid: int, on_end: Callable[[int], None]) -> None:
        self.pid = pid
        self._on_end = on_end
        self.returncode: int | None = None

    def is_adopted(self) -> bool:
        """Whether this process is its parent."""
        try:
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True

    async def wait(self) -> int:
        pause = _FIRST_LOOK_SECONDS
        while self.returncode is None:
            self.returncode = self._exit_code()
            if self.returncode is None:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LAST_LOOK_SECONDS)
            else:
                self._on_end(self.returncode)
        return self.returncode

    def _exit_code(self) -> int | None:
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:  # it died with the group of the fork server
            return -signal.SIGKILL
        return os.waitstatus_to_exitcode(status) if pid else None


class _Adoption:
    """Lets this process adopt orphans, which are the system's otherwise.

    It adopts the orphans of every process that it has started, also of the programs of a kind. It
    waits for its render children only, so that the others would stay zombies when they end.
    """

    def __init__(self) -> None:
        self._users = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Raises CannotFork."""
        try:
            prctl(PR_SET_CHILD_SUBREAPER, 1)
        except OSError as error:
            raise CannotFork(f"the system does not let a process adopt orphans ({error})") from None
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                prctl(PR_SET_CHILD_SUBREAPER, 0)


_adopting_orphans = _Adoption()


async def _end_group(pgid: int) -> None:
    """Ends the orphans that a fork server has left in its process group, and waits for them.

    Children that are configured have left the group.
    """
    while _has_orphans(pgid):
        with suppress(ProcessLookupError):
            os.killpg(pgid, signal.SIGKILL)
        await asyncio.sleep(_FIRST_LOOK_SECONDS)


def _has_orphans(pgid: int) -> bool:
    """Whether one of the group still runs. Waits for those that have ended."""
    with suppress(ChildProcessError):
        while True:
            pid, _ = os.waitpid(-pgid, os.WNOHANG)
            if not pid:
                return True
    return False
