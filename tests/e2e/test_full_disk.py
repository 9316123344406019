"""`pressrun up` while the disk of the artifacts, or the one for temporary files, is full."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_up import ON_A_SMALL_DISK, Up, can_mount, is_pdf
from testsupport.waiting import DEADLINE_SECONDS

pytestmark = pytest.mark.skipif(
    not can_mount(), reason="needs Linux that lets users mount a file system of their own"
)
LARGE = "<p>A line of a large document.\n" * 1500


def on_a_small_disk(directory: Path, small: str) -> Up:
    """The directory `small` alone is on a disk of 64 MiB."""
    (directory / "tmp").mkdir()
    (directory / "data" / "artifacts").mkdir(parents=True)
    return Up(
        directory,
        *("env", f"TMPDIR={directory / 'tmp'}", *ON_A_SMALL_DISK, str(directory / small)),
        filled=small,
    )


def call(up: Up, path: str, body: str | None = None) -> dict[str, Any]:
    request = urllib.request.Request(
        up.url + path, None if body is None else body.encode(), {"Content-Type": "text/html"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        document: dict[str, Any] = json.loads(answer.read())
    return document


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def fill(up: Up) -> None:
    os.kill(up.pids["filler"], signal.SIGUSR1)
    up.command.line("the disk is full")


def free(up: Up) -> None:
    os.kill(up.pids["filler"], signal.SIGUSR2)
    up.command.line("the disk is free")


def test_documents_are_refused_jobs_wait_and_all_goes_on_when_there_is_room(tmp_path: Path) -> None:
    def says_full(status: int, body: bytes) -> bool:
        return status == 503 and "documents and results is full" in json.loads(body)["detail"]

    up = on_a_small_disk(tmp_path, "data/artifacts")
    with up.command:
        up.until_ready()
        assert is_pdf(*up.render("before"))
        fill(up)
        up.render_until(LARGE, says_full)
        job = call(up, "/v1/pdf", "<p>waits")
        up.command.line("artifacts.refused")
        until(lambda: not call(up, "/readyz")["artifacts"]["writable"])  # it looks every ten seconds
        assert call(up, f"/v1/jobs/{job['id']}")["status"] == "running"
        free(up)
        up.render_until(LARGE, is_pdf)
        up.render_until("after", is_pdf)
        assert call(up, f"/v1/jobs/{job['id']}")["status"] == "succeeded"
        up.command.signal(signal.SIGINT)
        assert up.command.wait() == 0


def test_a_worker_that_cannot_keep_a_result_stops_at_once_and_the_job_runs_later(tmp_path: Path) -> None:
    up = on_a_small_disk(tmp_path, "data/artifacts")
    with up.command:
        up.until_ready()
        fill(up)
        call(up, "/v1/pdf", "<p>waits")
        up.command.line("artifacts.refused")
        up.command.signal(signal.SIGINT)
        up.command.line("attempt.released")
        assert up.command.wait() == 0
    assert not any("waiting up to" in line for line in up.command.lines), "the drain takes 20 s"


def test_jobs_wait_while_there_is_no_room_for_temporary_files(tmp_path: Path) -> None:
    up = on_a_small_disk(tmp_path, "tmp")
    with up.command:
        up.until_ready()
        assert is_pdf(*up.render("before"))
        fill(up)
        job = call(up, "/v1/pdf", "<p>waits")
        up.command.line("artifacts.refused .*temporary files")
        free(up)
        up.render_until("after", is_pdf)
        assert call(up, f"/v1/jobs/{job['id']}")["status"] == "succeeded"
        up.command.signal(signal.SIGINT)
        assert up.command.wait() == 0
