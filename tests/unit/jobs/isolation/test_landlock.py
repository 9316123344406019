"""Landlock, each time in a process of its own, because nothing takes it back."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.isolation import landlock

pytestmark = pytest.mark.skipif(landlock.why_missing() is not None, reason=str(landlock.why_missing()))

PRELUDE = """
import json, os, socket, sys
from pathlib import Path
from jobs.isolation.landlock import restrict
from jobs.isolation.linux import PR_SET_NO_NEW_PRIVS, prctl
prctl(PR_SET_NO_NEW_PRIVS, 1)
folder = Path(sys.argv[1])
def works(attempt):
    try:
        attempt()
    except OSError:
        return False
    return True
"""


def report_of(code: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_only_listed_paths_are_readable_and_missing_ones_are_left_out(tmp_path: Path) -> None:
    for name in ("open/deep", "closed"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text("x")
    (tmp_path / "single").write_text("x")
    code = """
restrict(readable=[folder / "open", folder / "single", folder / "missing"], writable=[], network=False)
print(json.dumps([
    works((folder / "open/deep/file").read_text),
    works((folder / "single").read_text),
    works((folder / "closed/file").read_text),
    works(lambda: os.listdir(folder)),
    works(lambda: (folder / "open/new").write_text("x")),
]))"""
    assert report_of(code, str(tmp_path)) == [True, True, False, False, False]


def test_a_writable_folder_takes_files_and_folders_and_gives_none_back(tmp_path: Path) -> None:
    code = """
restrict(readable=[], writable=[folder], network=False)
(folder / "deep").mkdir()
(folder / "deep/file").write_text("x")
print(json.dumps([
    works(lambda: (folder / "deep/file").write_text("more")),
    works((folder / "deep/file").unlink),
    works((folder / "deep").rmdir),
    works(lambda: (folder / "deep/file").rename(folder / "other")),
    works(lambda: (folder / "link").symlink_to("deep")),
    works(lambda: os.mkfifo(folder / "pipe")),
]))"""
    assert report_of(code, str(tmp_path)) == [True, False, False, False, False, False]


@pytest.mark.skipif(
    landlock.why_missing() is not None or landlock.abi() < 4, reason="it knows no network yet"
)
@pytest.mark.parametrize("network", [True, False])
def test_tcp_is_closed_unless_the_network_is_allowed(tmp_path: Path, network: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"""
restrict(readable=[], writable=[], network={network})
print(json.dumps(works(lambda: socket.socket().connect(("127.0.0.1", {server.getsockname()[1]})))))"""
        assert report_of(code, str(tmp_path)) is network
