"""Runs the processes of a server together.

What ends by itself is started again. When a signal arrives, all stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping, Sequence

import click

from api.cli.local.die_with_parent import die_with_parent
from api.cli.local.restart_pauses import RestartPauses, starts_again
from jobs.process.entry_point import BAD_SETTING
from jobs.process.event_wait import is_set_within

GRACE_SECONDS = 5.0
"""What a process gets on top of the drain, to close its connections."""
QUIET_SECONDS = 1.0
"""If stopping takes longer than this, the user is told which processes are still running."""
MAX_LINE_BYTES = 1024 * 1024
COLOURS = ("cyan", "yellow", "green", "magenta", "red", "blue")


class Supervisor:
    """Starts commands, prints their output with the name of the process, and stops them in order.

    The first SIGINT, SIGTERM or SIGHUP asks every process to finish within `drain_seconds` (plus
    `grace_seconds`); another SIGINT or SIGTERM kills them.
    """

    def __init__(
        self,
        commands: Mapping[str, str],
        environ: Mapping[str, str],
        *,
        drain_seconds: float,
        grace_seconds: float = GRACE_SECONDS,
        inherited: Sequence[int] = (),
    ) -> None:
        """`inherited` are file descriptors that the processes get."""
        self._commands = commands
        self._environ = environ
        self._inherited = inherited
        self._stop_seconds = drain_seconds + grace_seconds
        self._name_width = max(map(len, ["pressrun", *commands]))
        self._colours = dict(zip(commands, itertools.cycle(COLOURS), strict=False))
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._ended = asyncio.Event()
        self._exit_code = 0

    async def run(self) -> int:
        """Runs until a signal arrives, and returns 0 when no process is left.

        If a process ends with BAD_SETTING, or cannot be started the first time, the others are
        stopped, too, and its exit code is returned.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                loop.add_signal_handler(number, self._on_signal, number)
        async with asyncio.TaskGroup() as tasks:
            try:
                for name in self._commands:
                    tasks.create_task(self._keep_running(name))
                await self._ended.wait()
                await self._stop()
            finally:
                self._kill()
        return self._exit_code

    def end(self, exit_code: int) -> None:
        """Stops everything. Only the first call's `exit_code` counts."""
        if not self._ended.is_set():
            self._exit_code = exit_code
            self._ended.set()
            self.say("stopping")

    def say(self, text: str) -> None:
        self._print("pressrun", text)

    def _on_signal(self, number: signal.Signals) -> None:
        if not self._ended.is_set():
            self.say(f"{number.name} received")
            self.end(0)
        elif number != signal.SIGHUP:  # a terminal that closes sends SIGHUP twice
            self.say(f"{number.name} received again; killing")
            self._kill()

    async def _keep_running(self, name: str) -> None:
        """Starts a process, and again whenever it ends, until all are to stop."""
        pauses = RestartPauses()
        is_first = True
        while not self._ended.is_set():
            started_at = time.monotonic()
            try:
                output = await self._start(name)
            except OSError as error:
                how = f"cannot be started: {error}"
                faulty_code = 127 if is_first else None
            else:
                code = await self._watch(name, output)
                how = f"ended {_how_it_ended(code)}"
                faulty_code = BAD_SETTING if code == BAD_SETTING else None
            is_first = False
            if self._ended.is_set() or faulty_code is not None:
                self.say(f"{name} {how}")
                self.end(faulty_code or 0)  # does nothing if all are stopping already
            else:
                pause_s = pauses.next_s(time.monotonic() - started_at)
                self.say(f"{name} {how}; {starts_again(pause_s)}")
                await is_set_within(self._ended, pause_s)

    async def _start(self, name: str) -> asyncio.StreamReader:
        """Starts a process and returns its output. Raises OSError if it cannot be started."""
        # Not asyncio's own pipe: with that, `Process.wait` returns only after grandchildren have
        # closed it, too.
        read_end, write_end = os.pipe()
        output = asyncio.StreamReader(limit=MAX_LINE_BYTES)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(read_end, "rb")
        )
        try:
            self._processes[name] = await asyncio.create_subprocess_exec(
                # Without a shell, so that signals and exit codes are the program's own.
                *shlex.split(self._commands[name]),
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
                preexec_fn=die_with_parent(),
                pass_fds=self._inherited,
            )
        finally:
            os.close(write_end)
        self.say(f"{name} started, pid {self._processes[name].pid}")
        if self._ended.is_set():  # meanwhile, so nobody has asked this one to stop
            _kill_group(self._processes[name])
        return output

    async def _watch(self, name: str, output: asyncio.StreamReader) -> int:
        """Prints the output of a process until it ends. Returns its exit code."""
        process = self._processes[name]
        printing = asyncio.create_task(self._print_output(name, output))
        code = await process.wait()
        _kill_group(process)  # the children that it left behind there
        # Print what is left in the pipe, but do not wait for its end: a child that moved to another
        # session may hold the pipe open.
        await asyncio.wait([printing], timeout=1.0)
        printing.cancel()
        return code

    async def _print_output(self, name: str, output: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await output.readline()
            except ValueError:
                line = b"(a line too long to show)"
            if not line:
                return
            self._print(name, line.decode("utf-8", "replace"))

    async def _stop(self) -> None:
        """Sends SIGTERM to every process and waits until all have ended, or the time is up."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        waits = {
            asyncio.create_task(process.wait()): name
            for name, process in self._processes.items()
            if process.returncode is None
        }
        if not waits:
            return
        quiet_seconds = min(QUIET_SECONDS, self._stop_seconds)
        _, late = await asyncio.wait(waits, timeout=quiet_seconds)
        if late and quiet_seconds < self._stop_seconds:
            names = ", ".join(name for wait, name in waits.items() if wait in late)
            self.say(
                f"waiting up to {self._stop_seconds:g} s for {names} to finish; Ctrl-C does not wait: jobs that are "
                "cut short run again at the next start"
            )
            _, late = await asyncio.wait(late, timeout=self._stop_seconds - quiet_seconds)
        if late:
            self.say(f"still running after {self._stop_seconds:g} s; killing")

    def _kill(self) -> None:
        for process in self._processes.values():
            if process.returncode is None:
                _kill_group(process)

    def _print(self, name: str, text: str) -> None:
        prefix = f"{datetime.datetime.now():%H:%M:%S} {name:<{self._name_width}} | "
        if name in self._colours and sys.stdout.isatty():
            prefix = click.style(prefix, fg=self._colours[name])
        try:
            for line in text.splitlines():
                print(prefix + line, flush=True)
        except OSError:  # the terminal or pipe is gone; go on reading, or the processes would block
            self._ended.set()


def _kill_group(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _how_it_ended(code: int) -> str:
    return f"with code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
