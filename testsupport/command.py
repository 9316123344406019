"""The `pressrun` command as a process: started, read line by line, signalled, waited for."""

from __future__ import annotations

import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from testsupport.project import ROOT, environ_without_settings
from testsupport.waiting import DEADLINE_SECONDS


class Command:
    """``pressrun <arguments>`` in `directory`, with no settings besides `environ`. Killed when the test leaves it."""

    def __init__(self, *arguments: str, directory: Path, environ: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from api.cli import main; main()", *arguments],
            cwd=directory,
            env={**environ_without_settings(), "PYTHONPATH": str(ROOT), **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # As in a terminal, though the tests themselves may run under `nohup`.
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
            # It stops its children in order; only one that hangs is killed.
            self.process.terminate()
            try:
                self.process.wait(DEADLINE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def line(self, pattern: str) -> re.Match[str]:
        """The next line that `pattern` is found in. Fails when the output ends, or stalls, before there is one."""
        return self.lines_with(pattern)[0]

    def lines_with(self, *patterns: str) -> list[re.Match[str]]:
        """Reads on until a line has come for each pattern, in whatever order; the matches in the order asked for."""
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
        """Its exit code, once it and its output have ended."""
        while (line := self._unread.get(timeout=DEADLINE_SECONDS)) is not None:
            self.lines.append(line)
        return self.process.wait(DEADLINE_SECONDS)

    @property
    def output(self) -> str:
        """What was read so far."""
        return "\n".join(self.lines)


def assert_gone(pids: list[int]) -> None:
    """None of them is there any more. Waits a little: a process that was killed is still there for a moment."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    for pid in pids:
        while _is_alive(pid):
            assert time.monotonic() < deadline, f"{pid} is still there"
            time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.returncode == 0 and not shown.stdout.strip().startswith("Z")
