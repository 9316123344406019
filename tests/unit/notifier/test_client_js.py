"""Runs the JavaScript client's own tests with the Node that Playwright brings."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from testsupport.node import NODE

CLIENT = Path(__file__).parents[3] / "notifier" / "client"


@pytest.mark.parametrize("file", sorted(CLIENT.glob("tests/*.test.js")), ids=lambda file: file.name)
def test_the_client_passes_its_own_tests(file: Path) -> None:
    run = subprocess.run([NODE, "--test", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
