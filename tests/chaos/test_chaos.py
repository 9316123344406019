"""A short chaos run with every test run. `python -m tests.chaos` runs longer ones."""

from __future__ import annotations

import subprocess
import sys

from testsupport.project import ROOT, environ_without_settings

MINUTES = 2
ENDS_WITHIN_S = 900
"""With the waits of the load for what is owed at the end, on a busy machine."""


def test_two_minutes_of_faults_break_no_promise() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--seed", "1", "--minutes", str(MINUTES)]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=environ_without_settings(),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
    )
    # The output names each broken promise, the logs, and the command that repeats the run.
    assert ended.returncode == 0, ended.stdout + ended.stderr
