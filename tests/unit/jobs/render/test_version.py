"""Whatever decides the bytes of a PDF is part of the renderer's version."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.render.version import PACKAGES, rendering_files

ROOT = Path(__file__).parents[4]
LOADED_BY_A_RENDER_CHILD = """
import json, sys
import jobs.render.child.fork_server, jobs.render.child.main, jobs.render.child.tasks, jobs.render.child.pdf.preview
from importlib import metadata
from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody
engine = Engine(ask_nobody)
for format, document in (("markdown", b"x[^1]\\n\\n[^1]: y"), ("template", b"{{ 1|number('de') }}")):
    engine.render(format, document, {"watermark": {"text": "x"}}, lambda step: None)
names = list(sys.modules)
distributions = metadata.packages_distributions()
print(json.dumps({
    "files": [sys.modules[name].__file__ for name in names if name.partition(".")[0] == "jobs"],
    "packages": [each.lower() for name in names for each in distributions.get(name.partition(".")[0], [])],
}))
"""
NOT_IN_THE_BYTES = {
    "jobs/__init__.py",
    "jobs/core/__init__.py",
    "jobs/render/__init__.py",
    "jobs/core/egress.py",  # a document that fetches anything is never reused
    *(file.relative_to(ROOT).as_posix() for file in (ROOT / "jobs/core/http").glob("*.py")),
    "jobs/core/errors/__init__.py",  # a render that failed is never reused
    "jobs/core/errors/job.py",
    # What is sent to other servers: a document that fetches anything is never reused.
    *("jobs/core/http/__init__.py", "jobs/core/http/custom_headers.py", "jobs/core/http/forwarding.py"),
    "jobs/core/settings.py",  # limits: a render keeps to them or fails
    # A document that fetches anything is never reused.
    *(file.relative_to(ROOT).as_posix() for file in (ROOT / "jobs/core/http").glob("*.py")),
    # The wall around a render: a test compares the bytes with those of a render without it.
    *(file.relative_to(ROOT).as_posix() for file in (ROOT / "jobs/isolation").glob("*.py")),
}
PACKAGES_NOT_IN_THE_BYTES = {
    "pypdfium2",  # draws previews, which are not reused
    "lxml",  # writes metadata of merged PDFs, which are not reused
    *("cffi", "pycparser"),  # call C libraries
    *("pydantic", "pydantic_core", "annotated-types", "typing-inspection"),  # check messages
    *("typing_extensions", "setuptools", "pressrun"),
}


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """The files and the packages that a render child has loaded after two documents."""
    command = [sys.executable, "-c", LOADED_BY_A_RENDER_CHILD]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_every_file_of_the_render_child_is_part_of_the_version() -> None:
    child = {path for path in (ROOT / "jobs/render/child").rglob("*") if path.is_file()}
    assert {path for path in child if "__pycache__" not in path.parts} <= set(rendering_files())


def test_every_module_that_a_render_child_loads_is_part_of_the_version_or_not_in_the_bytes(
    loaded: dict[str, list[str]],
) -> None:
    files = {Path(file).relative_to(ROOT).as_posix() for file in loaded["files"]}
    version = {file.relative_to(ROOT).as_posix() for file in rendering_files()}
    assert "jobs/render/child/html/engine.py" in files & version
    assert files - version <= NOT_IN_THE_BYTES


def test_every_package_that_a_render_child_loads_is_part_of_the_version_or_not_in_the_bytes(
    loaded: dict[str, list[str]],
) -> None:
    packages = set(loaded["packages"])
    assert "weasyprint" in packages
    assert packages - set(PACKAGES) <= PACKAGES_NOT_IN_THE_BYTES
