"""Each process, started with an invalid setting, prints one line and ends with exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from jobs.isolation.level import offered
from testsupport import without_landlock
from testsupport.project import OURS, ROOT
from testsupport.waiting import DEADLINE_SECONDS

PROCESSES = {"web": "api", "worker": "jobs", "notifier": "notifier"}


def run(
    process: str, directory: Path, python: Sequence[str] = (sys.executable,), **environ: str
) -> subprocess.CompletedProcess[str]:
    """Runs a process to its end. ``{file}`` in a value becomes the path of an existing file."""
    (file := directory / "file").touch()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith((*OURS, "AZURE_"))}
    data = {"PRESSRUN_DATA_DIR": str(directory), "PRESSRUN_SECRET_KEY": "s" * 32}
    asked = {name: value.format(file=file) for name, value in environ.items()}
    return subprocess.run(
        [*python, "-m", PROCESSES[process]],
        cwd=ROOT,
        env={**inherited, **data, **asked},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REDIS_URL", "redis://localhost:abc/0"),
        ("REDIS_URL", "rediss://localhost/0?ssl_cert_reqs=perhaps"),
        ("PRESSRUN_ARTIFACTS_URL", "file://{file}/artifacts"),
        ("PRESSRUN_ARTIFACTS_URL", "az://container/prefix"),
        ("PRESSRUN_DATA_DIR", "{file}/data"),
    ],
)
def test_a_bad_setting_ends_the_process_and_is_named(
    tmp_path: Path, process: str, variable: str, value: str
) -> None:
    ended = run(process, tmp_path, **{variable: value})
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"pressrun {process}: {variable} ")
    assert "It may be: " in line


@pytest.mark.parametrize("process", ["web", "worker"])
def test_a_kind_that_cannot_be_loaded_ends_the_processes_that_need_it(tmp_path: Path, process: str) -> None:
    ended = run(process, tmp_path, PRESSRUN_KINDS="no_such_module:kind")
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith(f"pressrun {process}: PRESSRUN_KINDS names 'no_such_module:kind', ")


@pytest.mark.skipif(offered().level != "full", reason=f"the isolation here is {offered()}")
@pytest.mark.parametrize("process", ["web", "worker"])
def test_isolation_that_is_required_but_not_offered_ends_the_process_and_says_what_is_missing(
    tmp_path: Path, process: str
) -> None:
    ended = run(process, tmp_path, without_landlock.COMMAND, PRESSRUN_ISOLATION="required")
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"pressrun {process}: PRESSRUN_ISOLATION is required, but ")
    assert "is partial (Landlock: " in line
