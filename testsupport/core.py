"""Opens the stores of jobs, queue and events on a test's Valkey, as the processes open them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from arq.connections import ArqRedis
from redis.asyncio import Redis

from jobs.core.ids import new_batch_id, new_job_id
from jobs.core.job import BatchSubmission, Job, Submission
from jobs.core.settings import Settings
from jobs.fonts.font_store import FontStore
from jobs.fonts.tenant_fonts import TenantFonts
from jobs.kinds import Runner
from jobs.store.artifacts import Artifacts, open_artifacts
from jobs.store.batches import BatchStore
from jobs.store.client import connect
from jobs.store.events.event_log import EventLog
from jobs.store.jobs import JobStore
from jobs.store.queue import JobQueue
from jobs.store.scripts import Scripts
from jobs.worker.metrics import WorkerMetrics
from jobs.worker.timing import WorkerTiming
from jobs.worker.worker import JobWorker


@dataclass
class Core:
    """The clients of the store that a process has."""

    settings: Settings
    redis: ArqRedis
    store: JobStore
    queue: JobQueue
    log: EventLog
    artifacts: Artifacts
    batches: BatchStore
    fonts: FontStore
    open_scripts: type[Scripts] = Scripts

    @classmethod
    def open(
        cls, redis_url: str, data_dir: Path, *, open_scripts: type[Scripts] = Scripts, **environ: str
    ) -> Core:
        settings = Settings.from_env({"REDIS_URL": redis_url, "PRESSRUN_DATA_DIR": str(data_dir), **environ})
        redis = connect(settings)
        scripts = open_scripts(redis, settings)
        artifacts = open_artifacts(settings, scripts)
        return cls(
            settings,
            redis,
            JobStore(redis, scripts, artifacts),
            JobQueue(redis, scripts, artifacts),
            EventLog(redis),
            artifacts,
            BatchStore(scripts, artifacts),
            FontStore(scripts, artifacts),
            open_scripts,
        )

    async def submit(self, kind: str = "test", *, tenant: str = "acme", **fields: Any) -> Job:
        fields.setdefault("spec", b'{"input":{},"options":{}}')
        submission = Submission(job_id=new_job_id(), tenant=tenant, kind=kind, **fields)
        return (await self.store.submit(submission)).job

    async def submit_batch(self, *specs: bytes, tenant: str = "acme", **fields: Any) -> dict[str, Any]:
        """Submits a batch with one job for each spec, and returns its document."""
        submitted = await self.batches.submit(batch_of(*specs, tenant=tenant, **fields))
        return cast(dict[str, Any], json.loads(submitted.document))

    async def event_types(self, job: Job) -> list[str]:
        return [json.loads(body)["type"] for body in await self.log.of_job(job.tenant, job.id)]

    @asynccontextmanager
    async def worker(
        self,
        runners: Mapping[str, Runner],
        timing: WorkerTiming | None = None,
        metrics: WorkerMetrics | None = None,
    ) -> AsyncIterator[JobWorker]:
        """Runs a worker with these runners, and stops it at once at the end."""

        async def start() -> Mapping[str, Runner]:
            return runners

        async def stop() -> None:
            pass

        redis = connect(self.settings)
        scripts = self.open_scripts(redis, self.settings)
        worker = JobWorker(
            redis,
            JobQueue(redis, scripts, self.artifacts),
            self.settings,
            TenantFonts(FontStore(scripts, self.artifacts)),
            start=start,
            stop=stop,
            handle_signals=False,
            timing=timing,
            metrics=metrics,
        )
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


async def now_ms(redis: Redis) -> int:
    """Returns the time of the store in milliseconds."""
    seconds, micros = await redis.time()
    return int(seconds) * 1000 + int(micros) // 1000
