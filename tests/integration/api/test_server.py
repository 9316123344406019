"""`python -m api` starts, serves, refuses bad settings and shuts down in order."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from tests.integration.api.test_jobs import HELLO
from testsupport.ports import free_port

ROOT = Path(__file__).parents[3]


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRESSRUN_")}
    return {**kept, **variables}


class Server:
    def __init__(self, redis_url: str, data_dir: Path) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        variables = {"REDIS_URL": redis_url, "PORT": str(port), "PRESSRUN_DATA_DIR": str(data_dir)}
        self.process = subprocess.Popen([sys.executable, "-m", "api"], cwd=ROOT, env=environment(**variables))

    async def until_ready(self, client: httpx.AsyncClient) -> None:
        async with asyncio.timeout(20):
            while self.process.poll() is None:
                try:
                    await client.get("/healthz")
                    return
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
        raise AssertionError("the server ended")


@pytest.fixture
def server(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Server]:
    server = Server(redis_url, tmp_path / "data")
    yield server
    if server.process.poll() is None:
        server.process.kill()
    server.process.wait()


async def test_serves_and_ends_in_order(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        await server.until_ready(client)
        accepted = await client.post("/v1/jobs", json=HELLO)
        assert accepted.status_code == 202
        assert "server" not in accepted.headers
        head = await client.head(f"/v1/jobs/{accepted.json()['id']}")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) > 100
        waiting = asyncio.create_task(client.get(f"/v1/jobs/{accepted.json()['id']}?wait=25", timeout=30))
        async with asyncio.timeout(10):
            while "pressrun_http_long_polls 1.0" not in (await client.get("/metrics")).text:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        server.process.send_signal(signal.SIGTERM)
        assert (await waiting).json()["status"] == "queued"
        await asyncio.to_thread(server.process.wait, 20)
    assert server.process.returncode == 0


async def test_a_large_document_is_refused_over_the_wire(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        await server.until_ready(client)
        headers = {"content-type": "text/html"}
        answer = await client.post("/v1/pdf", content=b" " * (50 * 1024**2 + 1), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert (await client.post("/v1/pdf", content=b"<p>Hi", headers=headers)).status_code == 202


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PORT", "http"), ("PRESSRUN_HOST", "0.0.0.0"), ("PRESSRUN_API_KEYS", "acme:0123456789abcdef")],
)
def test_a_bad_setting_ends_the_process_and_is_named(tmp_path: Path, variable: str, value: str) -> None:
    variables = environment(PRESSRUN_DATA_DIR=str(tmp_path), **{variable: value})
    ended = subprocess.run(
        [sys.executable, "-m", "api"], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("pressrun web: ")
    assert "It may be: " in ended.stderr
