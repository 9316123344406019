"""Finds the result of a job by its record, to serve it or to work on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from jobs.core.errors.request import JobNotFound, JobNotSucceeded, NotFinished, ResultExpired
from jobs.core.job import JobStatus
from jobs.store import keys
from jobs.store.client import translated_errors


@dataclass(frozen=True, slots=True)
class StoredResult:
    """The path of a result, and what a client needs to know to read it."""

    path: str
    content_type: str
    filename: str
    bytes: int
    sha256: str


async def find_result(redis: Redis, tenant: str, job_id: str) -> StoredResult:
    """Raises JobNotFound, NotFinished, JobNotSucceeded, ResultExpired."""
    status, result, path, gone = await record_fields(
        redis, tenant, job_id, "status", "result", "result_path", "result_gone"
    )
    has_result(job_id, JobStatus(status.decode()), is_kept=bool(path) and not gone)
    details = json.loads(b"{" + result + b"}")
    return StoredResult(
        path.decode(), details["content_type"], details["filename"], details["bytes"], details["sha256"]
    )


def has_result(job_id: str, status: JobStatus, *, is_kept: bool) -> None:
    """Raises NotFinished, JobNotSucceeded or ResultExpired if there is no result."""
    if not status.is_terminal:
        raise NotFinished(f"{job_id} is {status}. Wait for it with ?wait=, a WebSocket or a webhook.")
    if status is not JobStatus.SUCCEEDED:
        raise JobNotSucceeded(
            f"{job_id} {'has ' if status is JobStatus.FAILED else 'was '}{status}: no result."
        )
    if not is_kept:
        raise ResultExpired(f"The result of {job_id} has expired. Submit the document again.")


async def record_fields(redis: Redis, tenant: str, job_id: str, *names: str) -> list[Any]:
    """Returns some fields of the record of a job of the tenant. Raises JobNotFound."""
    with translated_errors():
        owner, *values = await redis.hmget(keys.JOB + job_id, ["tenant", *names])  # type: ignore[misc]
    if owner is None or owner.decode() != tenant:
        raise JobNotFound(job_id)
    return list(values)
