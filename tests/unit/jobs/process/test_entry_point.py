import subprocess
import sys

import pytest

from testsupport.project import ROOT, environ_without_settings

PROGRAM = """
from jobs.core.errors import CannotServe
from jobs.core.errors.store import ClusterRefused
from jobs.core.settings import BadSetting
from jobs.process.entry_point import run_process

def run(settings):
    {body}

run_process("worker", run)
"""


def ended(body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body)],
        cwd=ROOT,
        env=environ_without_settings(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("pass", 0, ""),
        (
            "raise BadSetting('PORT', 'is taken', 'free')",
            2,
            "pressrun worker: PORT is taken. It may be: free.\n",
        ),
        ("raise CannotServe('No memory.')", 1, "pressrun worker: No memory.\n"),
        ("raise ClusterRefused('No cluster.')", 2, "pressrun worker: No cluster.\n"),
        ("raise ExceptionGroup('', [ClusterRefused('No cluster.')])", 2, "pressrun worker: No cluster.\n"),
    ],
)
def test_the_exit_code_and_one_line_say_how_a_process_ended(body: str, code: int, said: str) -> None:
    process = ended(body)
    assert (process.returncode, process.stderr) == (code, said)


def test_an_unexpected_error_keeps_its_traceback() -> None:
    process = ended("raise RuntimeError('unforeseen')")
    assert process.returncode == 1
    assert "Traceback" in process.stderr
    assert "unforeseen" in process.stderr
