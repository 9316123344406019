"""Runs the web app and a worker in the process of the test, with real render children."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import httpx

from api.app import Api, build
from jobs.core.secret_key import load_secret_keys
from jobs.core.settings import Settings
from jobs.fonts.font_store import FontStore
from jobs.fonts.tenant_fonts import TenantFonts
from jobs.kinds.registry import load_kinds, runners_of
from jobs.kinds.spec_secrets import SpecSecrets
from jobs.render.parent.pool import RenderPool
from jobs.store.artifacts import open_artifacts
from jobs.store.client import connect
from jobs.store.queue import JobQueue
from jobs.store.scripts import Scripts
from jobs.worker.worker import JobWorker
from testsupport.waiting import DEADLINE_S

File = tuple[str, bytes]


class Pressrun:
    """A client of the web app. It submits as one tenant and waits for results."""

    def __init__(self, app: Api, pool: RenderPool) -> None:
        self.app = app
        self.pool = pool
        self.http = self.caller()

    def caller(self, key: str | None = None) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", headers=headers)

    @contextmanager
    def as_tenant(self, key: str) -> Iterator[None]:
        """Uses this API key inside the block."""
        before, self.http = self.http, self.caller(key)
        try:
            yield
        finally:
            self.http = before

    async def submit(
        self,
        kind: str,
        input: dict[str, Any],
        options: dict[str, Any] | None = None,
        *files: File,
        key: str | None = None,
        **members: Any,
    ) -> httpx.Response:
        """Submits a job: as multipart/form-data if there are `files`, else as JSON.

        `key` is an idempotency key; `members` are further members of the job.
        """
        headers = {"idempotency-key": key} if key else {}
        job = {"kind": kind, "input": input, "options": options or {}, **members}
        if not files:
            return await self.http.post("/v1/jobs", json=job, headers=headers)
        parts: list[Any] = [("job", (None, json.dumps(job), "application/json"))]
        parts += [("file", (name, content, "application/pdf")) for name, content in files]
        return await self.http.post("/v1/jobs", files=parts, headers=headers)

    async def done(
        self, kind: str, input: dict[str, Any], options: dict[str, Any] | None = None, *files: File
    ) -> dict[str, Any]:
        """Submits a job and returns it when it has ended."""
        answer = await self.submit(kind, input, options, *files)
        assert answer.status_code == 202, answer.text
        return await self.ended(answer.json()["id"])

    async def ended(self, job_id: str) -> dict[str, Any]:
        async with asyncio.timeout(2 * DEADLINE_S):
            while True:
                job: dict[str, Any] = (await self.http.get(f"/v1/jobs/{job_id}?wait=25")).json()
                if job["status"] in ("succeeded", "failed", "cancelled"):
                    return job

    async def result(self, job: dict[str, Any]) -> bytes:
        assert job["status"] == "succeeded", job["error"]
        answer = await self.http.get(f"/v1/jobs/{job['id']}/result")
        assert answer.status_code == 200, answer.text
        return answer.content


@asynccontextmanager
async def running_pressrun(settings: Settings, pool: RenderPool) -> AsyncIterator[Pressrun]:
    """Runs everything; `pool` has to be started."""
    app = build(settings)
    redis = connect(settings)
    scripts = Scripts(redis, settings)
    artifacts = open_artifacts(settings, scripts)
    queue = JobQueue(redis, scripts, artifacts)
    fonts = TenantFonts(FontStore(scripts, artifacts))

    async def start() -> Any:
        return runners_of(load_kinds(settings), pool, SpecSecrets(partial(load_secret_keys, settings)))

    async def stop() -> None:
        pass

    worker = JobWorker(redis, queue, settings, fonts, start=start, stop=stop, handle_signals=False)
    async with app.router.lifespan_context(app):
        await app.services.tail.ready.wait()
        working = asyncio.create_task(worker.async_run())
        try:
            yield Pressrun(app, pool)
        finally:
            working.cancel()
            await asyncio.wait([working])
            await worker.close()
