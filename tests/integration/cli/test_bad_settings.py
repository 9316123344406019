"""Each kind of process, started with a setting that is wrong: one line, exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testsupport.project import OURS, ROOT
from testsupport.waiting import DEADLINE_SECONDS

PROCESSES = {"web": "api", "worker": "jobs", "notifier": "notifier"}


def started(process: str, directory: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """What is left of it once it has ended. ``{file}`` in a value is a path where there is a file already."""
    (file := directory / "file").touch()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith((*OURS, "AZURE_"))}
    data = {"PRESSRUN_DATA_DIR": str(directory), "PRESSRUN_SECRET_KEY": "s" * 32}
    asked = {name: value.format(file=file) for name, value in environ.items()}
    return subprocess.run(
        [sys.executable, "-m", PROCESSES[process]],
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
def test_a_bad_setting_ends_it_with_its_name(tmp_path: Path, process: str, variable: str, value: str) -> None:
    ended = started(process, tmp_path, **{variable: value})
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"pressrun {process}: {variable} ")
    assert "It may be: " in line


@pytest.mark.parametrize("process", ["web", "worker"])
def test_a_kind_that_cannot_be_loaded_ends_what_needs_it(tmp_path: Path, process: str) -> None:
    ended = started(process, tmp_path, PRESSRUN_KINDS="no_such_module:kind")
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith(f"pressrun {process}: PRESSRUN_KINDS names 'no_such_module:kind', ")
