"""What the notifier's tests share: jobs, events, and the store and log at the edge, all in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from jobs.errors import JobNotFound, StoreUnavailable
from jobs.events import Event, ProgressUpdate
from jobs.ids import new_job_id
from jobs.job import Job

STATUSES = ("queued", "running", "succeeded")
EVENT_TYPES = ("job.queued", "job.started", "job.succeeded")


def make_job(version: int = 1, *, job_id: str | None = None, tenant: str = "acme", **members: Any) -> Job:
    """A job that has come as far as `version`: 1 queued, 2 running, 3 succeeded."""
    status = STATUSES[min(version, len(STATUSES)) - 1]
    return Job({"id": job_id or new_job_id(), "status": status, "version": version, **members}, tenant)


def make_event(job: Job, version: int) -> Event:
    """The event of the job's step to `version`. The odd spacing shows whether the bytes stay as they are."""
    at = make_job(version, job_id=job.id)
    event_type = EVENT_TYPES[min(version, len(EVENT_TYPES)) - 1]
    body = b'{"id":"evt_%d",  "type":"%b","sequence":%d,"data":{"job":%b}}' % (
        version,
        event_type.encode(),
        version,
        json.dumps(at.document).encode(),
    )
    return Event(job.tenant, version, event_type, job.id, version, body)


def make_progress(job: Job, percent: int, claim: int = 1) -> ProgressUpdate:
    return ProgressUpdate(job.tenant, job.id, claim, b'{"percent":%d}' % percent)


class Records:
    """Stands in for `JobStore` and `EventLog`: holds jobs, and fails on demand."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.bodies: dict[str, list[bytes]] = {}
        self.reads: list[list[str]] = []
        self.failures = 0
        """How many reads still find the store away."""

    def put(self, job: Job) -> Job:
        self.jobs[job.id] = job
        return job

    async def get_many(self, tenant: str, job_ids: Sequence[str]) -> list[Job | None]:
        self.reads.append(list(job_ids))
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("away")
        return [
            job if (job := self.jobs.get(job_id)) is not None and job.tenant == tenant else None
            for job_id in job_ids
        ]

    async def of_job(self, tenant: str, job_id: str) -> list[bytes]:
        if job_id not in self.jobs:
            raise JobNotFound(job_id)
        return self.bodies.get(job_id, [])
