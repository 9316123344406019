"""The real processes, as the Procfile starts them, on free ports of this machine."""

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
    """Starts and ends processes; speaks to them as a client would."""

    def __init__(self, redis_url: str, directory: Path, **environ: str) -> None:
        self.port, self.notifier_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"http://127.0.0.1:{self.notifier_port}/v1/ws"
        self.directory = directory
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "PYTHONPATH": str(ROOT),
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
        """`python -m package`; its log goes to a file that a failing test can show."""
        with (self.directory / f"{package}-{len(self.processes)}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", package, env=self.environ, cwd=self.directory, stdout=log, stderr=log
            )
        self.processes.append((package, process))
        return process

    def log_lines(self, package: str, number: int) -> list[dict[str, Any]]:
        """The structured log of the process that was started as number `number` (from 0, of all)."""
        text = (self.directory / f"{package}-{number}.log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    @contextmanager
    def frozen(self, package: str) -> Iterator[None]:
        """Its process stands still."""
        (process,) = (process for each, process in self.processes if each == package)
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    async def ready(self) -> None:
        """Returns when web and notifier answer, those of them that were started."""
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
        """A `pdf.render` job; the answer to its submission."""
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
        """The job once it has one of these statuses, by long polls."""
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
        """Ends what still runs, in order; kills what does not."""
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
        cls, redis_url: str, directory: Path, packages: tuple[str, ...], **environ: str
    ) -> AsyncIterator[Deployment]:
        """These processes, up and answering; all ended when left."""
        deployment = cls(redis_url, directory, **environ)
        async with aiohttp.ClientSession() as deployment.http:
            try:
                for package in packages:
                    await deployment.start(package)
                await deployment.ready()
                yield deployment
            finally:
                await deployment.stop()
