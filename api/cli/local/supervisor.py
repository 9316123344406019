"""Runs the processes of a Procfile together: all start, and when one ends or a signal arrives, all stop."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import shlex
import signal
import sys
from collections.abc import Mapping

from honcho.colour import get_colours
from honcho.printer import Message, Printer

from api.cli.local.die_with_parent import die_with_parent

GRACE_SECONDS = 5.0
"""On top of the drain: what a process needs to say goodbye after it."""
SILENT_SECONDS = 1.0
"""How long it may take to stop before it is said what is waited for."""
LINE_BYTES = 1024 * 1024


class Supervisor:
    """Starts commands, shows their output line by line, and stops them in order.

    The first SIGINT, SIGTERM or SIGHUP lets every process finish within `drain_seconds`; another SIGINT or SIGTERM
    kills them.
    """

    def __init__(
        self, commands: Mapping[str, str], environ: Mapping[str, str], *, drain_seconds: float
    ) -> None:
        self._commands = commands
        self._environ = environ
        self._stop_seconds = drain_seconds + GRACE_SECONDS
        self._printer = Printer(sys.stdout, width=max(map(len, ["pressrun", *commands])))
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._ended = asyncio.Event()
        self._exit_code = 0

    async def run(self) -> int:
        """Run until a signal arrives or a process ends, and return when no process is left.

        Returns 0 after a signal, else the exit code of the process that ended first.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                loop.add_signal_handler(number, self._on_signal, number)
        colours = get_colours()
        async with asyncio.TaskGroup() as attendants:
            try:
                for name in self._commands:
                    if not self._ended.is_set() and (output := await self._start(name)):
                        attendants.create_task(self._attend(name, output, next(colours)))
                await self._ended.wait()
                await self._stop()
            finally:
                self._kill()
        return self._exit_code

    def end(self, exit_code: int) -> None:
        """Stop everything. Only the first call's `exit_code` counts."""
        if not self._ended.is_set():
            self._exit_code = exit_code
            self._ended.set()
            self.say("stopping")

    def say(self, text: str) -> None:
        self._print("pressrun", text, None)

    def _on_signal(self, number: signal.Signals) -> None:
        if not self._ended.is_set():
            self.say(f"{number.name} received")
            self.end(0)
        elif number != signal.SIGHUP:  # a closing terminal sends that twice and means it once
            self.say(f"{number.name} received again; killing")
            self._kill()

    async def _start(self, name: str) -> asyncio.StreamReader | None:
        """Start a process; what it prints. None when that is impossible."""
        # A pipe of ours: asyncio's own would have `wait` return only when grandchildren have closed it as well.
        read_end, write_end = os.pipe()
        output = asyncio.StreamReader(limit=LINE_BYTES)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(read_end, "rb")
        )
        try:
            self._children[name] = await asyncio.create_subprocess_exec(
                # No shell in between: signals and exit codes are the program's own.
                *shlex.split(self._commands[name]),
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        except OSError as error:
            self.say(f"{name} cannot be started: {error}")
            self.end(127)
            return None
        finally:
            os.close(write_end)
        self.say(f"{name} started, pid {self._children[name].pid}")
        return output

    async def _attend(self, name: str, output: asyncio.StreamReader, colour: str) -> None:
        """Show what a process prints until it ends, then end the others."""
        process = self._children[name]
        shown = asyncio.create_task(self._show(name, output, colour))
        code = await process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever it left behind in its group
        # Its last words; what it started in a session of its own may hold the pipe for longer.
        await asyncio.wait([shown], timeout=1.0)
        shown.cancel()
        self.say(f"{name} ended {_described(code)}")
        self.end(code if code >= 0 else 128 - code)

    async def _show(self, name: str, output: asyncio.StreamReader, colour: str) -> None:
        while True:
            try:
                line = await output.readline()
            except ValueError:
                line = b"(a line too long to show)"
            if not line:
                return
            self._print(name, line, colour)

    async def _stop(self) -> None:
        for process in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        waits = {
            asyncio.create_task(process.wait()): name
            for name, process in self._children.items()
            if process.returncode is None
        }
        if not waits:
            return
        silent_seconds = min(SILENT_SECONDS, self._stop_seconds)
        _, late = await asyncio.wait(waits, timeout=silent_seconds)
        if late and silent_seconds < self._stop_seconds:
            names = ", ".join(name for wait, name in waits.items() if wait in late)
            self.say(
                f"waiting up to {self._stop_seconds:g} s for {names} to finish; Ctrl-C does not wait: jobs that are "
                "cut short run again at the next start"
            )
            _, late = await asyncio.wait(late, timeout=self._stop_seconds - silent_seconds)
        if late:
            self.say(f"still running after {self._stop_seconds:g} s; killing")

    def _kill(self) -> None:
        for process in self._children.values():
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _print(self, name: str, data: bytes | str, colour: str | None) -> None:
        now = datetime.datetime.now()
        try:
            self._printer.write(Message(type="line", data=data, time=now, name=name, colour=colour))
        except (
            OSError
        ):  # the terminal or pipe is gone: nobody reads on, but the processes must not block on us
            self._ended.set()


def _described(code: int) -> str:
    return f"with code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
