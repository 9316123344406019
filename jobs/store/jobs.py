"""Jobs as clients see them: submit, read, list, cancel, delete. Workers use `jobs.store.queue`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from redis.asyncio import Redis

from jobs.core.errors.request import AlreadyFinished, InputGone, JobNotFound, NotFinished
from jobs.core.errors.store import ArtifactMissing, StoreError
from jobs.core.ids import is_job_id
from jobs.core.job import Job, JobStatus, Submission, Submitted
from jobs.core.list_cursor import list_cursor, parse_list_cursor
from jobs.store import keys
from jobs.store.artifacts import Artifacts, file_path
from jobs.store.client import translated_errors
from jobs.store.results import StoredResult, find_result, record_fields
from jobs.store.scripts import Scripts
from jobs.store.submission_writer import SubmissionWriter

_LIST_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Page:
    items: list[Job]
    next_cursor: str | None


class JobStore:
    """The jobs of all tenants. Every method may raise `StoreUnavailable`."""

    def __init__(self, redis: Redis, scripts: Scripts, artifacts: Artifacts) -> None:
        self._redis = redis
        self._scripts = scripts
        self._artifacts = artifacts
        self._writer = SubmissionWriter(scripts, artifacts)

    async def submit(self, submission: Submission) -> Submitted:
        """Accepts the job: when this returns, record, queue entry and first event are written.

        Called again with the same job id, or idempotency key and content, it returns the job as it
        is now. Raises what `SubmissionWriter.write` raises.
        """
        return await self._writer.write("submit", submission, [submission])

    async def get(self, tenant: str, job_id: str) -> Job:
        """Returns the job. Raises JobNotFound, for a job of another tenant too."""
        (job,) = await self.get_many(tenant, [job_id])
        if job is None:
            raise JobNotFound(job_id)
        return job

    async def get_many(self, tenant: str, job_ids: Sequence[str]) -> list[Job | None]:
        """Returns a job for each id, or None if the tenant has no such job."""
        documents = await self._scripts.call(
            "get", tenant=tenant, rows=[{"id": job_id} for job_id in job_ids]
        )
        return [Job(json.loads(document), tenant) if document else None for document in documents]

    async def position(self, job: Job) -> int | None:
        """Returns the place among the tenant's ready jobs, from 1; None if it is not ready."""
        with translated_errors():
            rank = await self._redis.zrank(keys.READY + job.tenant, job.id)
        return None if rank is None else int(rank) + 1

    async def page(
        self,
        tenant: str,
        *,
        status: JobStatus | None = None,
        kind: str | None = None,
        tag: str | None = None,
        batch_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Returns jobs, newest first. Raises InvalidInput for a cursor that was never given out.

        A page may be short if few jobs match; go on until `next_cursor` is None.
        """
        created, last_id = parse_list_cursor(cursor, is_job_id)
        items: list[Job] = []
        for _ in range(_LIST_ROUNDS):
            documents, created, last_id, vanished, index = await self._scripts.call(
                "list",
                tenant=tenant,
                status=status,
                kind=kind,
                tag=tag,
                batch_id=batch_id,
                limit=limit - len(items),
                after_created=created,
                after_id=last_id,
            )
            items += [Job(json.loads(document), tenant) for document in documents]
            if vanished:
                with suppress(StoreError):  # a list is read also if nothing can be written
                    await self._scripts.call(
                        "forget", tenant=tenant, index=index, rows=[{"id": job_id} for job_id in vanished]
                    )
            if last_id is None or len(items) == limit:
                break
        return Page(items, None if last_id is None else list_cursor(created, last_id))

    async def cancel(self, tenant: str, job_id: str) -> Job:
        """A running render is killed within a second. Raises JobNotFound, AlreadyFinished."""
        answer = await self._scripts.call("cancel", tenant=tenant, id=job_id)
        if answer[0] == b"missing":
            raise JobNotFound(job_id)
        job = Job(json.loads(answer[1]), tenant)
        if answer[0] == b"finished":
            raise AlreadyFinished(f"{job_id} has finished already: it is {job.status}.")
        return job

    async def delete(self, tenant: str, job_id: str) -> None:
        """Removes a job that has ended; artifacts that remain go with the next sweep.

        Raises JobNotFound, NotFinished.
        """
        answer, *result = await self._scripts.call("delete", tenant=tenant, id=job_id)
        if answer == b"missing":
            raise JobNotFound(job_id)
        if answer == b"not_finished":
            raise NotFinished(f"{job_id} has not finished. Cancel it first.")
        with suppress(StoreError):
            await self._artifacts.discard([f"{tenant}/{job_id}", *(path.decode() for path in result)])

    async def spec_of(self, tenant: str, job_id: str) -> bytes:
        """Returns the spec of the job, to run it again. Raises JobNotFound, InputGone."""
        (location,) = await record_fields(self._redis, tenant, job_id, "input")
        spec = None
        if location == b"inline":
            with translated_errors():
                spec = await self._redis.get(keys.INPUT + job_id)
        elif location:
            with suppress(ArtifactMissing):
                spec = await self._artifacts.get(location.decode())
        if spec is None:
            raise InputGone(
                f"The input of {job_id} is no longer kept: it is removed when the job has succeeded. Submit it anew."
            )
        return bytes(spec)

    async def batch_of(self, tenant: str, job_id: str) -> str | None:
        """Raises JobNotFound."""
        (batch_id,) = await record_fields(self._redis, tenant, job_id, "batch")
        return None if batch_id is None else str(batch_id.decode())

    async def files_of(self, tenant: str, job_id: str, spec: bytes) -> dict[str, bytes]:
        """Returns the uploaded files that the job's `spec` names, by SHA-256. Raises InputGone."""
        digests = set(json.loads(spec).get("files", {}).values())
        try:
            return {
                digest: await self._artifacts.get(file_path(tenant, job_id, digest)) for digest in digests
            }
        except ArtifactMissing:
            raise InputGone(f"The files of {job_id} are no longer kept. Submit the document anew.") from None

    async def webhook_url_of(self, tenant: str, job_id: str) -> str | None:
        """Raises JobNotFound."""
        (url,) = await record_fields(self._redis, tenant, job_id, "webhook_url")
        return None if url is None else str(url.decode())

    async def result_of(self, tenant: str, job_id: str) -> StoredResult:
        """Raises what `find_result` raises."""
        return await find_result(self._redis, tenant, job_id)
