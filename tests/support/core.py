"""The job core on the suite's Valkey, put together as the processes do it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arq.connections import ArqRedis
from redis.asyncio import Redis

from jobs.core.events import Event
from jobs.core.ids import new_batch_id, new_job_id
from jobs.core.job import BatchSubmission, Job, Result, Submission, SubmittedBatch
from jobs.core.settings import Settings
from jobs.kinds import Run, Runner
from jobs.store.artifacts import Artifacts, open_artifacts
from jobs.store.batches import BatchStore
from jobs.store.client import connect
from jobs.store.events.epochs import Epochs
from jobs.store.events.event_log import EventLog
from jobs.store.events.event_tail import Tail
from jobs.store.jobs import JobStore
from jobs.store.queue import JobQueue
from jobs.store.scripts import Scripts
from jobs.worker.worker import JobWorker

DEADLINE_S = 30
"""Generous: a test that reaches it has failed."""


@dataclass
class Core:
    """One process's view of the store."""

    settings: Settings
    redis: ArqRedis
    store: JobStore
    queue: JobQueue
    log: EventLog
    artifacts: Artifacts
    batches: BatchStore

    @classmethod
    def open(cls, redis_url: str, data_dir: Path, **environ: str) -> Core:
        settings = Settings.from_env({"REDIS_URL": redis_url, "PRESSRUN_DATA_DIR": str(data_dir), **environ})
        redis = connect(settings)
        scripts = Scripts(redis, settings)
        artifacts = open_artifacts(settings, scripts)
        return cls(
            settings,
            redis,
            JobStore(redis, scripts, artifacts),
            JobQueue(redis, scripts, artifacts),
            EventLog(redis),
            artifacts,
            BatchStore(scripts, artifacts),
        )

    async def submit(self, kind: str = "test", *, tenant: str = "acme", **fields: Any) -> Job:
        fields.setdefault("spec", b'{"input":{},"options":{}}')
        submission = Submission(job_id=new_job_id(), tenant=tenant, kind=kind, **fields)
        return (await self.store.submit(submission)).job

    async def submit_batch(self, *specs: bytes, tenant: str = "acme", **fields: Any) -> SubmittedBatch:
        """A batch with one job for each spec."""
        return await self.batches.submit(batch_of(*specs, tenant=tenant, **fields))

    async def event_types(self, job: Job) -> list[str]:
        return [json.loads(body)["type"] for body in await self.log.of_job(job.tenant, job.id)]

    @asynccontextmanager
    async def worker(self, runners: Mapping[str, Runner]) -> AsyncIterator[JobWorker]:
        """A running worker with these runners; stopped at once when left."""

        async def start() -> Mapping[str, Runner]:
            return runners

        async def stop() -> None:
            pass

        redis = connect(self.settings)
        queue = JobQueue(redis, Scripts(redis, self.settings), self.artifacts)
        worker = JobWorker(redis, queue, self.settings, start=start, stop=stop, handle_signals=False)
        running = asyncio.create_task(worker.async_run())
        try:
            yield worker
        finally:
            running.cancel()
            await asyncio.wait([running])
            await worker.close()


def batch_of(*specs: bytes, tenant: str = "acme", **fields: Any) -> BatchSubmission:
    batch_id = new_batch_id()
    jobs = tuple(
        Submission(job_id=new_job_id(), tenant=tenant, kind="test", spec=spec, batch_id=batch_id)
        for spec in specs
    )
    return BatchSubmission(batch_id=batch_id, tenant=tenant, jobs=jobs, **fields)


class Watcher:
    """Follows the bus, so that tests wait for events instead of time."""

    def __init__(self, redis: ArqRedis, epochs: Epochs | None) -> None:
        self.events: list[Event] = []
        self.gaps = 0
        self._news = asyncio.Condition()
        self._tail = Tail(
            redis, on_event=self._seen, on_progress=lambda update: None, on_gap=self._gap, epochs=epochs
        )
        self._loop = asyncio.get_running_loop()

    def _seen(self, event: Event) -> None:
        self.events.append(event)
        self._loop.create_task(self._tell())

    def _gap(self) -> None:
        self.gaps += 1

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def wait_for(self, job_id: str, *types: str) -> Event:
        """The first event of the job that is of one of these types."""

        def found() -> list[Event]:
            return [event for event in self.events if event.job_id == job_id and event.type in types]

        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(lambda: bool(found()))
        return found()[0]

    async def terminal(self, job_id: str) -> Event:
        return await self.wait_for(job_id, "job.succeeded", "job.failed", "job.cancelled")

    @classmethod
    @asynccontextmanager
    async def following(cls, redis: ArqRedis, epochs: Epochs | None = None) -> AsyncIterator[Watcher]:
        watcher = cls(redis, epochs)
        task = asyncio.create_task(watcher._tail.run())
        await watcher._tail.ready.wait()
        try:
            yield watcher
        finally:
            task.cancel()
            await asyncio.wait([task])


async def now_ms(redis: Redis) -> int:
    """The time, as the store has it."""
    seconds, micros = await redis.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def eventually(condition: Callable[[], bool | Awaitable[Any]]) -> None:
    """Returns once the condition holds, for what gives no signal of its own; fails at the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.02)


async def instant(run: Run) -> Result:
    """A runner that is done at once."""
    return Result(body=b"done", content_type="text/plain", filename="done.txt", details={"pages": 1})


class Gate:
    """A runner that says when it has begun and ends when it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.opened = asyncio.Event()
        self.runs = 0
        self.interrupted = asyncio.Event()

    async def __call__(self, run: Run) -> Result:
        self.runs += 1
        self.begun.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.interrupted.set()
            raise
        return await instant(run)
