"""Who may import whom: `api → notifier → jobs`; the web process stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUSHING = {
    "api/contract/asyncapi.py",
    "api/push.py",
    "api/app.py",
    "api/services.py",
    "api/__main__.py",
    "api/routes/events.py",
}
"""The only files of `api` that may know `notifier`: they let the web process push events itself."""


def modules_imported_by(package: str) -> Iterator[tuple[str, str]]:
    """Every (file, module it imports) below `package`, imports inside functions included."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            else:
                continue
            for name in names:
                yield path.relative_to(ROOT).as_posix(), name


def imports_of(package: str) -> Iterator[tuple[str, str]]:
    """Every (file, top-level package it imports) below `package`."""
    for file, name in modules_imported_by(package):
        yield file, name.partition(".")[0]


def test_jobs_knows_neither_api_nor_notifier() -> None:
    assert [found for found in imports_of("jobs") if found[1] in ("api", "notifier")] == []


def test_notifier_does_not_know_api() -> None:
    assert [found for found in imports_of("notifier") if found[1] == "api"] == []


def test_the_push_protocol_does_no_io() -> None:
    io = {"asyncio", "redis", "websockets", "starlette", "socket", "aiohttp", "time"}
    assert [found for found in imports_of("notifier/protocol") if found[1] in io] == []


@pytest.mark.parametrize(
    ("folder", "known"),
    [
        ("protocol", {"protocol"}),
        ("fanout", {"protocol", "fanout"}),
        ("transports", {"protocol", "fanout", "transports"}),
    ],
)
def test_protocol_fanout_and_transports_import_one_way(folder: str, known: set[str]) -> None:
    prefix = "notifier."
    imported = {
        name.removeprefix(prefix).partition(".")[0]
        for _, name in modules_imported_by(f"notifier/{folder}")
        if name.startswith(prefix)
    }
    assert imported <= known


def test_the_push_protocol_uses_only_the_pure_core_of_jobs() -> None:
    imported = {name for _, name in modules_imported_by("notifier/protocol") if name.startswith("jobs.")}
    assert {name for name in imported if not name.startswith("jobs.core.")} == set()


def test_api_knows_of_notifier_only_what_pushes_events() -> None:
    files = {file for file, package in imports_of("api") if package == "notifier"}
    assert files <= PUSHING


def modules() -> dict[str, Path]:
    """Every module of the three packages, by its dotted name."""
    files = [file for package in ("api", "jobs", "notifier") for file in (ROOT / package).rglob("*.py")]
    names = {file: file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for file in files}
    return {name.removesuffix(".__init__"): file for file, name in names.items()}


def imported_at_start(file: Path, known: Iterable[str]) -> set[str]:
    """The modules among `known` that `file` imports when it is imported itself."""
    names: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names & set(known)


def test_there_are_no_import_circles() -> None:
    files = modules()
    imports = {name: imported_at_start(file, files) - {name} for name, file in files.items()}
    list(TopologicalSorter(imports).static_order())  # raises CycleError, with the circle


def test_a_folder_has_at_most_fourteen_modules() -> None:
    counts = Counter(file.parent for file in modules().values() if file.stem != "__init__")
    assert {folder: count for folder, count in counts.items() if count > 14} == {}


def test_the_web_process_does_not_load_the_renderer() -> None:
    heavy = {"weasyprint", "pypdfium2", "pikepdf", "jinja2", "babel", "jsonschema_rs", "fontTools"}
    code = f"import api.app, api.__main__, sys; print(sorted({heavy} & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
