"""Jobs, events and progress as the store would hand them out, made without a store."""

from __future__ import annotations

import json
from typing import Any

from jobs.core.events import Event, ProgressUpdate
from jobs.core.ids import new_job_id
from jobs.core.job import Job

STATUSES = ("queued", "running", "succeeded")
EVENT_TYPES = ("job.queued", "job.started", "job.succeeded")


def make_job(version: int = 1, *, job_id: str | None = None, tenant: str = "acme", **members: Any) -> Job:
    """A job at `version`: 1 queued, 2 running, 3 succeeded."""
    status = STATUSES[min(version, len(STATUSES)) - 1]
    return Job({"id": job_id or new_job_id(), "status": status, "version": version, **members}, tenant)


def make_event(job: Job, version: int) -> Event:
    """The event of the job's step to `version`.

    Its odd spacing shows whether the bytes are passed on unchanged.
    """
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
