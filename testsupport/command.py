"""Runs the `pressrun` command as a process: reads its lines, sends signals, waits for its end."""

from __future__ import annotations

import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from testsupport.project import ROOT, environ_without_settings
from testsupport.waiting import DEADLINE_SECONDS

PRESSRUN = (sys.executable, "-c", "from api.cli import main; main()")


class Command:
    """``pressrun <arguments>`` in `directory`, with no settings but `environ`.

    Stopped, or killed if that does not help, when the test leaves it.
    """

    def __init__(
        self,
        *arguments: str,
        directory: Path,
        environ: Mapping[str, str] | None = None,
        runner: Sequence[str] = (),
        program: Sequence[str] = PRESSRUN,
    ) -> None:
        """`runner` is a command that becomes the command named by its last arguments. `program` is
        another `pressrun` than that of this project."""
        self.process = subprocess.Popen(
            [*runner, *program, *arguments],
            cwd=directory,
            env={**environ_without_settings(), "PYTHONPATH": str(ROOT), **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # As in a terminal, even if the tests run under `nohup`.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
        self.lines: list[str] = []
        self._unread: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._unread.put(line.rstrip("\n"))
        self._unread.put(None)

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            # It stops its children in order, so it is killed only if it hangs.
            self.process.terminate()
            try:
                self.process.wait(DEADLINE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def line(self, pattern: str) -> re.Match[str]:
        """Returns the match of the next line in which `pattern` is found.

        Fails if the output ends or stalls before.
        """
        return self.lines_with(pattern)[0]

    def lines_with(self, *patterns: str) -> list[re.Match[str]]:
        """Reads until each pattern was found in a line, in any order.

        Returns the matches in the order of the patterns.
        """
        found: dict[str, re.Match[str]] = {}
        while len(found) < len(patterns):
            line = self._unread.get(timeout=DEADLINE_SECONDS)
            assert line is not None, f"ended without lines like {patterns}:\n{self.output}"
            self.lines.append(line)
            for pattern in patterns:
                if match := re.search(pattern, line):
                    found.setdefault(pattern, match)
        return [found[pattern] for pattern in patterns]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Returns the exit code when the process and its output have ended."""
        while (line := self._unread.get(timeout=DEADLINE_SECONDS)) is not None:
            self.lines.append(line)
        return self.process.wait(DEADLINE_SECONDS)

    @property
    def output(self) -> str:
        """The lines that were read so far."""
        return "\n".join(self.lines)


def assert_gone(pids: list[int]) -> None:
    """Waits until none of the processes exists: a killed one does for a moment."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    for pid in pids:
        while _is_alive(pid):
            assert time.monotonic() < deadline, f"{pid} still exists"
            time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.returncode == 0 and not shown.stdout.strip().startswith("Z")
