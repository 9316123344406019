"""Pressrun outside a checkout: installed from a wheel that was built from a source distribution."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import sys
import zipfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis.asyncio import Redis

from testsupport.command import Command
from testsupport.ports import free_port
from testsupport.project import ROOT, environ_without_settings
from testsupport.waiting import eventually

NOT_PACKED = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "node_modules", "build", "data")


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a wheel and a source distribution."""
    directory = tmp_path_factory.mktemp("distributions")
    shutil.copytree(ROOT, directory / "source", ignore=NOT_PACKED)
    _run(sys.executable, "-m", "build", "--outdir", "dist", "source", directory=directory)
    return directory / "dist"


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    [wheel] = distributions.glob("pressrun-*.whl")
    return wheel


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`pressrun` as pipx and uv install it: an environment of its own, and a link to it."""
    directory = tmp_path_factory.mktemp("installed")
    _run(sys.executable, "-m", "venv", "environment", directory=directory)
    python = directory / "environment/bin/python"
    _run(str(python), *_PIP_INSTALL, str(ROOT / "constraints.txt"), str(wheel), directory=directory)
    link = directory / "pressrun"
    link.symlink_to(directory / "environment/bin/pressrun")
    return link


_PIP_INSTALL = ("-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint")


def _run(*command: str, directory: Path) -> None:
    done = subprocess.run(
        command, cwd=directory, env=environ_without_settings(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Project:
    """The directory of another project, whose folders are named as packages of Pressrun."""

    def __init__(self, directory: Path, program: Path) -> None:
        self.directory = directory
        self._program = program
        for name in ("api", "jobs", "notifier"):
            (directory / name).mkdir()
            (directory / name / "__init__.py").write_text("raise SystemExit('not the server')\n")
        (directory / "Procfile").write_text("web: false\n")
        (directory / "letter.html").write_text("<title>Letter</title><p>Dear reader,")
        self.port = free_port()
        self.environ = {
            "PORT": str(self.port),
            "PRESSRUN_NOTIFIER_PORT": str(free_port()),
            "PRESSRUN_WORKER_SLOTS": "1",
            "PYTHONPATH": "",  # nothing of the checkout
        }

    def pressrun(self, *arguments: str, **environ: str) -> Command:
        return Command(
            *arguments,
            directory=self.directory,
            environ={**self.environ, **environ},
            program=[str(self._program)],
        )

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def renders(self) -> bool:
        with self.pressrun("render", "letter.html", "-o", "letter.pdf") as command:
            assert command.wait() == 0, command.output
        return (self.directory / "letter.pdf").read_bytes().startswith(b"%PDF")


@pytest.fixture
def project(tmp_path: Path, program: Path) -> Project:
    return Project(tmp_path, program)


def test_the_wheel_has_the_client_whole_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        assert json.loads(packed.read("notifier/client/package.json"))["name"] == "pressrun"
    assert {"notifier/client/README.md", "notifier/client/pressrun.d.ts"} <= names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {
        *("api", "jobs", "notifier"),
        "pressrun",  # metadata
    }
    assert not [name for name in names if "tests/" in name]


def test_up_serves_in_the_directory_of_another_project(project: Project) -> None:
    with project.pressrun("up") as up:
        up.line("ready: ")
        assert project.renders()
        for path in ("/", "/docs", "/openapi.json", "/client/pressrun.js"):
            assert project.get(path)[0] == 200, path
        up.signal(signal.SIGINT)
        assert up.wait() == 0, up.output


async def test_each_process_has_a_command(project: Project, redis: Redis, redis_url: str) -> None:
    with ExitStack() as running:
        processes = [
            running.enter_context(project.pressrun(name, REDIS_URL=redis_url))
            for name in ("web", "worker", "notifier")
        ]
        await eventually(project.is_ready)
        assert project.renders()
        for process in processes:
            process.signal(signal.SIGTERM)
            assert process.wait() == 0, process.output
