"""Unit tests of `jobs.render.version`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from jobs.render.version import rendering_files

ROOT = Path(__file__).parents[4]


def test_every_module_and_file_of_the_render_child_is_part_of_the_version() -> None:
    child = {path for path in (ROOT / "jobs/render/child").rglob("*") if path.is_file()}
    assert {path for path in child if "__pycache__" not in path.parts} <= set(rendering_files())


def test_every_module_of_this_package_that_a_render_child_loads_is_part_of_the_version() -> None:
    code = (
        "import sys, jobs.render.child.main, jobs.render.child.html.engine, jobs.render.child.pdf.merging\n"
        "names = [name for name in sys.modules if name.startswith('jobs.render.')]\n"
        "print(*(sys.modules[name].__file__ for name in names), sep='\\n')"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = {Path(line) for line in loaded.stdout.split()}
    assert ROOT / "jobs/render/child/html/engine.py" in files
    assert files <= set(rendering_files())
