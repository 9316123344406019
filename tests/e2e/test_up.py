"""`pressrun up` with the real processes: what ends is started again, and jobs go on."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from jobs.core.settings import Settings
from testsupport.command import Command
from testsupport.ports import free_port
from testsupport.project import ROOT
from testsupport.waiting import DEADLINE_SECONDS

ON_A_SMALL_DISK = (
    *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c"),
    'mount -t tmpfs -o size=64m tmpfs "$0" && exec "$@"',
)
"""Runs a command that alone sees an empty disk of 64 MiB at the directory named next."""

FILLER = """
import os, signal
def fill(*_):
    file = os.open("DIRECTORY/filler", os.O_WRONLY | os.O_CREAT)  # a buffer would fail again at its end
    try:
        while True:
            os.write(file, bytes(65536))
    except OSError:
        print("the disk is full")
    os.close(file)
def free(*_):
    os.truncate("DIRECTORY/filler", 0)
    print("the disk is free")
signal.signal(signal.SIGUSR1, fill)
signal.signal(signal.SIGUSR2, free)
print("filler waits")
while True:
    signal.pause()
"""


class Up:
    """`pressrun up` in `directory`, and a client of it."""

    def __init__(self, directory: Path, *runner: str, filled: str = "data") -> None:
        shutil.copy(ROOT / "Procfile", directory)
        with (directory / "Procfile").open("a") as procfile:
            procfile.write("filler: python filler.py\n")
        (directory / "filler.py").write_text(FILLER.replace("DIRECTORY", filled))
        (directory / "data").mkdir(exist_ok=True)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.store_url = Settings.from_env({"PRESSRUN_DATA_DIR": str(directory / "data")}).redis_url
        self.command = Command(
            "up",
            *("--procfile", "Procfile"),
            directory=directory,
            runner=runner,
            environ={
                "PORT": self.url.rpartition(":")[2],
                "PRESSRUN_NOTIFIER_PORT": str(free_port()),
                "PRESSRUN_WORKER_SLOTS": "1",
            },
        )
        self.pids: dict[str, int] = {}

    def until_ready(self) -> None:
        names = ("web", "worker", "notifier", "filler")
        patterns = [rf"pressrun +\| {name} started, pid (\d+)" for name in names]
        found = self.command.lines_with(*patterns, "filler waits", "ready: ")
        self.pids = {name: int(match[1]) for name, match in zip(names, found, strict=False)}

    def render(self, text: str) -> tuple[int, bytes]:
        """Submits a document and waits for the PDF. Returns status and body."""
        headers = {"Content-Type": "text/html", "Prefer": "wait=25", "Idempotency-Key": text[:20]}
        request = urllib.request.Request(f"{self.url}/v1/pdf", text.encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except (OSError, http.client.HTTPException) as error:  # web is being started
            return 0, str(error).encode()

    def render_until(self, text: str, is_wanted: Callable[[int, bytes], bool]) -> bytes:
        """Repeats `render`, as a client does, until the answer is wanted. Returns the body."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not is_wanted(*(answer := self.render(text))):
            assert time.monotonic() < deadline, answer
            time.sleep(0.1)
        return answer[1]


def is_pdf(status: int, body: bytes) -> bool:
    return status == 200 and body.startswith(b"%PDF")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path)
    with running.command:
        yield running


def test_ready_means_that_a_worker_can_take_a_job(up: Up) -> None:
    up.until_ready()
    assert is_pdf(*up.render("first"))
    up.command.signal(signal.SIGINT)
    assert up.command.wait() == 0
    lines = [line for line in up.command.lines if "renderer.started" in line or "ready: " in line]
    assert "renderer.started" in lines[0]


@pytest.mark.parametrize("name", ["web", "worker", "notifier", "store"])
def test_a_killed_process_is_started_again_and_documents_are_rendered(up: Up, name: str) -> None:
    up.until_ready()
    with redis.Redis.from_url(up.store_url) as store:
        pids = {**up.pids, "store": store.info("server")["process_id"]}
    os.kill(pids[name], signal.SIGKILL)
    if name == "store":
        up.command.line("the embedded Valkey ended .*; it starts again now")
        up.command.line("the embedded Valkey answers again")
    else:
        up.command.line(f"{name} ended by SIGKILL; it starts again now")
        up.command.line(rf"{name} started, pid \d+")
        said = {"web": "Uvicorn running", "worker": "worker.ready", "notifier": "notifier.listening"}[name]
        up.command.line(said)
    up.render_until("after the kill", is_pdf)
    for other in pids.keys() - {name}:
        os.kill(pids[other], 0)  # it still runs
    up.command.signal(signal.SIGTERM)
    assert up.command.wait() == 0


def can_mount() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    return (
        subprocess.run([*ON_A_SMALL_DISK, "/mnt", "true"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not can_mount(), reason="needs Linux that lets users mount a file system of their own")
def test_a_full_disk_is_said_and_all_goes_on_when_there_is_room(tmp_path: Path) -> None:
    def says_full(status: int, body: bytes) -> bool:
        return status == 503 and "its disk is full" in json.loads(body)["detail"]

    up = Up(tmp_path, *ON_A_SMALL_DISK, str(tmp_path / "data"))
    with up.command:
        up.until_ready()
        assert is_pdf(*up.render("before"))
        os.kill(up.pids["filler"], signal.SIGUSR1)
        up.command.line("the disk is full")
        up.render_until("meanwhile", says_full)
        up.command.line("the disk of .* is full: the embedded Valkey starts when there is room")
        os.kill(up.pids["filler"], signal.SIGUSR2)
        up.command.line("the embedded Valkey answers again")
        up.render_until("meanwhile", is_pdf)
        up.command.signal(signal.SIGINT)
        assert up.command.wait() == 0
