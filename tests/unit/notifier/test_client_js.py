"""The JavaScript client's own tests, run by Node's test runner."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CLIENT = Path(__file__).parents[3] / "notifier" / "client"
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None and "CI" not in os.environ, reason="Node.js is not installed")
@pytest.mark.parametrize("file", sorted(CLIENT.glob("tests/*.test.js")), ids=lambda file: file.name)
def test_the_client_passes_its_own_tests(file: Path) -> None:
    assert NODE is not None, "CI has to have Node.js"
    run = subprocess.run([NODE, "--test", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
