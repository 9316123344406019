"""Looks at a tenant's jobs and interferes: cancels, deletes, retries, lists, downloads."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Awaitable, Callable, Mapping

from tests.chaos.load.client import Answer, Client
from tests.chaos.load.downloads import note_download
from tests.chaos.load.knowledge import Knowledge, KnownJob
from tests.chaos.load.plans import Planner
from tests.chaos.load.submitter import Submitter
from tests.chaos.observations import (
    BatchRead,
    BatchSeen,
    Changed,
    JobRead,
    JobSeen,
    Listed,
    Probed,
)

_WAITING = ("scheduled", "queued", "running", "retrying")
_LIST_LIMIT = "100"


class Meddler:
    def __init__(
        self,
        client: Client,
        known: Knowledge,
        submitter: Submitter,
        planner: Planner,
        others: Mapping[str, Knowledge],
        rng: random.Random,
        pause_s: float,
    ) -> None:
        """`others` is what is known of the other tenants."""
        self._client = client
        self._known = known
        self._submitter = submitter
        self._planner = planner
        self._others = others
        self._rng = rng
        self._pause_s = pause_s
        self._actions: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self._cancel, 10),
            (self._delete, 12),
            (self._retry, 10),
            (self._look, 14),
            (self._wait, 12),
            (self._download, 18),
            (self._list, 4),
            (self._batch, 8),
            (self._cancel_batch, 3),
            (self._probe, 6),
        ]

    async def run(self, until: asyncio.Event) -> None:
        actions, weights = zip(*self._actions, strict=True)
        async with asyncio.TaskGroup() as tasks:
            running: set[asyncio.Task[None]] = set()
            while not until.is_set():
                await asyncio.sleep(self._rng.expovariate(1 / self._pause_s))
                (action,) = self._rng.choices(actions, weights)
                if len(running) < 8:
                    task = tasks.create_task(_run(action))
                    running.add(task)
                    task.add_done_callback(running.discard)

    async def _cancel(self) -> None:
        statuses = _WAITING if self._rng.random() < 0.7 else ()
        job = self._known.some_job(self._rng, *statuses)
        if job is None:
            return
        answer = await self._client.ask("POST", f"/v1/jobs/{job.id}/cancel")
        self._client.note(Changed, answer, action="cancel", subject=job.id)
        if answer.status == 200:
            self._learn("cancel", job.id, answer)

    async def _delete(self) -> None:
        job = self._known.some_job(self._rng, "succeeded", "failed", "cancelled")
        if job is None or job.has_key:
            return
        job.is_deleted = True
        for _ in range(3):
            answer = await self._client.ask("DELETE", f"/v1/jobs/{job.id}")
            self._client.note(Changed, answer, action="delete", subject=job.id)
            if answer.status is not None and answer.status < 500:
                break
            await asyncio.sleep(self._rng.uniform(0, 2))
        await self.look_at(job.id)

    async def _retry(self) -> None:
        job = self._known.some_job(self._rng, "failed", "cancelled")
        if job is not None:
            await self._submitter.submit(self._planner.retry(job.id, job.nonce, job.expected))

    async def _look(self) -> None:
        job = self._known.some_job(self._rng)
        if job is not None:
            await self.look_at(job.id)

    async def look_at(self, job_id: str) -> None:
        answer = await self._client.ask("GET", f"/v1/jobs/{job_id}")
        self._learn("get", job_id, answer)

    async def _wait(self) -> None:
        """A long poll for the next version of a job."""
        job = self._known.some_job(self._rng, *_WAITING)
        if job is None:
            return
        params = {"wait": str(self._rng.choice([1, 5, 10]))}
        headers = {"If-None-Match": f'W/"{job.version}"'} if self._rng.random() < 0.7 else {}
        answer = await self._client.ask("GET", f"/v1/jobs/{job.id}", params=params, headers=headers)
        self._learn("wait", job.id, answer)

    def _learn(self, how: str, job_id: str, answer: Answer) -> None:
        note_job(self._client, self._known, how, job_id, answer)

    async def _download(self) -> None:
        job = self._known.some_job(self._rng, "succeeded") or self._known.some_job(self._rng)
        if job is not None:
            await download(self._client, job)

    async def _list(self) -> None:
        status = self._rng.choice(["", "succeeded", "failed", "cancelled", "running"])
        await list_jobs(self._client, {"status": status} if status else {"tag": "red"})

    async def _batch(self) -> None:
        if self._known.batches:
            await look_at_batch(self._client, self._rng.choice(self._known.batches))

    async def _cancel_batch(self) -> None:
        if not self._known.batches:
            return
        batch_id = self._known.batches[-1]
        answer = await self._client.ask("POST", f"/v1/batches/{batch_id}/cancel")
        self._client.note(Changed, answer, action="cancel_batch", subject=batch_id)
        if answer.status == 200:
            self._client.note(BatchRead, answer, batch_id=batch_id, batch=BatchSeen.of(answer.json))

    async def _probe(self) -> None:
        """Asks for a job of another tenant."""
        owner, known = self._rng.choice(list(self._others.items()))
        job = known.some_job(self._rng)
        if job is None:
            return
        method, tail = self._rng.choice(
            [("GET", ""), ("GET", "/result"), ("GET", "/events"), ("POST", "/cancel"), ("DELETE", "")]
        )
        answer = await self._client.ask(method, f"/v1/jobs/{job.id}{tail}")
        self._client.note(Probed, answer, owner=owner, path=f"{method} /v1/jobs/{job.id}{tail}")


async def _run(action: Callable[[], Awaitable[None]]) -> None:
    await action()


def note_job(client: Client, known: Knowledge, how: str, job_id: str, answer: Answer) -> None:
    """Records a look at a job."""
    job = JobSeen.of(answer.json) if answer.status == 200 else None
    if job is not None:
        known.learn(job)
    client.note(JobRead, answer, how=how, job_id=job_id, job=job)


async def download(client: Client, job: KnownJob) -> None:
    note_download(client, await client.ask("GET", f"/v1/jobs/{job.id}/result"), job.id)


async def look_at_batch(client: Client, batch_id: str) -> bool:
    """Reads a batch. Returns whether an answer came."""
    answer = await client.ask("GET", f"/v1/batches/{batch_id}")
    batch = BatchSeen.of(answer.json) if answer.status == 200 else None
    client.note(BatchRead, answer, batch_id=batch_id, batch=batch)
    return answer.status is not None


async def list_jobs(client: Client, filters: Mapping[str, str]) -> bool:
    """Reads all pages of a list, and records them if all came. Returns whether they did."""
    jobs: list[tuple[str, str, int]] = []
    began: float | None = None
    cursor: str | None = None
    while True:
        more: dict[str, str] = {"cursor": cursor} if cursor else {}
        answer = await client.ask("GET", "/v1/jobs", params={**filters, "limit": _LIST_LIMIT, **more})
        began = began or answer.began
        if answer.status != 200:
            return False
        jobs += [(job["id"], job["status"], job["version"]) for job in answer.json["items"]]
        cursor = answer.json["next_cursor"]
        if cursor is None:
            whole = dataclasses.replace(answer, began=began)
            client.note(Listed, whole, filters=dict(filters), jobs=tuple(jobs))
            return True
