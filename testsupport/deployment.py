"""Runs the real processes, as the Procfile starts them, on free ports of this machine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from testsupport.ports import free_port
from testsupport.project import ROOT
from testsupport.waiting import DEADLINE_S


class Deployment:
    """The processes of one deployment, and a client of them."""

    def __init__(self, redis_url: str, directory: Path, *, root: Path = ROOT, **environ: str) -> None:
        """`root` is where the code is: this project, or another release of it."""
        self.port, self.notifier_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"http://127.0.0.1:{self.notifier_port}/v1/ws"
        self.directory = directory
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "PYTHONPATH": str(root),
            "REDIS_URL": redis_url,
            "PORT": str(self.port),
            "PRESSRUN_NOTIFIER_PORT": str(self.notifier_port),
            "PRESSRUN_DATA_DIR": str(directory / "data"),
            "PRESSRUN_WORKER_SLOTS": "1",
            "PRESSRUN_LOG_FORMAT": "json",
            **environ,
        }
        self.processes: list[tuple[str, asyncio.subprocess.Process]] = []
        self.http: aiohttp.ClientSession

    async def start(self, package: str) -> asyncio.subprocess.Process:
        """Starts `python -m package`. Its log goes to a file in `directory`."""
        with (self.directory / f"{package}-{len(self.processes)}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", package, env=self.environ, cwd=self.directory, stdout=log, stderr=log
            )
        self.processes.append((package, process))
        return process

    def log_lines(self, package: str, number: int) -> list[dict[str, Any]]:
        """Returns the structured log of a process; `number` counts all starts from 0."""
        text = (self.directory / f"{package}-{number}.log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    @contextmanager
    def frozen(self, package: str) -> Iterator[None]:
        """Stops its process (SIGSTOP) and lets it go on at the end."""
        (process,) = (process for each, process in self.processes if each == package)
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    async def ready(self) -> None:
        """Returns when those of web and notifier that were started answer."""
        probes = {"api": f"{self.url}/readyz", "notifier": f"http://127.0.0.1:{self.notifier_port}/healthz"}
        async with asyncio.timeout(DEADLINE_S):
            for url in [probes[package] for package, _ in self.processes if package in probes]:
                while True:
                    try:
                        async with self.http.get(url) as answer:
                            if answer.status == 200:
                                break
                    except aiohttp.ClientConnectionError:
                        pass
                    await asyncio.sleep(0.05)

    async def submit(self, html: str, **fields: Any) -> dict[str, Any]:
        """Submits a `pdf.render` job and returns the answer."""
        body = {"kind": "pdf.render", "input": {"html": html}, **fields}
        async with self.http.post(f"{self.url}/v1/jobs", json=body) as answer:
            assert answer.status == 202, await answer.text()
            submitted: dict[str, Any] = await answer.json()
            return submitted

    async def get(self, path: str) -> dict[str, Any]:
        async with self.http.get(self.url + path) as answer:
            document: dict[str, Any] = await answer.json(content_type=None)
            return document

    async def until(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """Returns the job when it has one of these statuses, by long polls."""
        async with asyncio.timeout(2 * DEADLINE_S):
            etag = '"0"'
            while True:
                headers = {"If-None-Match": etag}
                async with self.http.get(f"{self.url}/v1/jobs/{job_id}?wait=5", headers=headers) as answer:
                    if answer.status == 304:
                        continue
                    job: dict[str, Any] = await answer.json()
                    if answer.status == 200 and job["status"] in statuses:
                        return job
                    etag = answer.headers.get("ETag", etag)

    async def event_types(self, job_id: str) -> list[str]:
        return [event["type"] for event in (await self.get(f"/v1/jobs/{job_id}/events"))["items"]]

    async def stop(self) -> None:
        """Terminates the processes, and kills those that do not end."""
        for _, process in self.processes:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        for _, process in self.processes:
            try:
                async with asyncio.timeout(DEADLINE_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    @classmethod
    @asynccontextmanager
    async def running(
        cls, redis_url: str, directory: Path, packages: tuple[str, ...], *, root: Path = ROOT, **environ: str
    ) -> AsyncIterator[Deployment]:
        """Starts these processes, waits until they answer, and ends all of them at the end."""
        deployment = cls(redis_url, directory, root=root, **environ)
        async with aiohttp.ClientSession() as deployment.http:
            try:
                for package in packages:
                    await deployment.start(package)
                await deployment.ready()
                yield deployment
            finally:
                await deployment.stop()
