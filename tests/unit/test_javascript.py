"""The JavaScript of the client and the console has correct types, no lint and one format."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from testsupport.node import NODE

ROOT = Path(__file__).parents[2]
TOOLS = "tests/javascript"
SOURCES = ["notifier/client/**/*.js", "notifier/client/*.d.ts", "api/console/*.js", f"{TOOLS}/*.js"]


@pytest.mark.parametrize(
    "command",
    [
        ["typescript/bin/tsc", "--project", TOOLS],
        ["eslint/bin/eslint.js", "--config", f"{TOOLS}/eslint.config.js", "notifier/client", "api/console"],
        ["prettier/bin/prettier.cjs", "--config", f"{TOOLS}/prettier.json", "--check", *SOURCES],
    ],
    ids=["types", "lint", "format"],
)
def test_the_javascript_passes(command: list[str]) -> None:
    tool, *arguments = command
    program = ROOT / TOOLS / "node_modules" / tool
    if not program.exists() and not os.environ.get("CI"):
        pytest.skip(f"needs npm: scripts/test runs `npm ci --prefix {TOOLS}` if npm is installed")
    run = subprocess.run(
        [NODE, program, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
