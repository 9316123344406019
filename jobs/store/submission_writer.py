"""Writes submissions, of one job or of a batch, to the store.

What is true if the process dies while it writes a submission with large inputs:

1. After the inputs were noted as garbage, before all were written: no job. What was written is
   removed an hour later, by the sweep.
2. After all were written, before the step that accepts: the same.
3. After that step, before its answer arrived: the job is accepted. The step has taken the note off,
   so the inputs stay.
4. After a refusal, before the inputs were removed: no job. They are removed an hour later.
5. After their note was made due, before they were removed: no job. The next sweep removes them.

If the connection is lost instead, nobody knows whether the step was taken. The inputs are left
alone: they stay if it was, and go after an hour if it was not.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from jobs.core.errors.request import (
    BodyTooLarge,
    IdempotencyKeyReused,
    QueueFull,
    RequestError,
    TenantBytesUsed,
)
from jobs.core.errors.store import ArtifactTooLarge, StoreError, StoreEvicts, StoreFull, StoreUnavailable
from jobs.core.events import Cursor
from jobs.core.job import INLINE_INPUT_MAX_BYTES, BatchSubmission, Submission, Submitted
from jobs.store.artifacts import Artifacts, file_path, input_path, inputs_prefix
from jobs.store.events.epochs import new_epoch
from jobs.store.scripts import Scripts

_json = json.JSONEncoder(separators=(",", ":")).encode


class SubmissionWriter:
    """Writes large inputs to the artifact store, then everything else in one atomic step."""

    def __init__(self, scripts: Scripts, artifacts: Artifacts) -> None:
        self._scripts = scripts
        self._artifacts = artifacts

    async def write(
        self, script: str, whole: Submission | BatchSubmission, jobs: Sequence[Submission], **own: Any
    ) -> Submitted:
        """Writes `jobs`, which are the `whole`, with a script. `own` are its further arguments.

        Raises:
            QueueFull: the tenant would have more than `MAX_QUEUED` jobs waiting.
            IdempotencyKeyReused: the key was used for other content.
            StoreFull: the store is out of memory, or the quota for artifacts in it is used up.
            TenantBytesUsed: the tenant would keep more than `MAX_TENANT_BYTES`.
            ArtifactsUnavailable: an input cannot be written to the artifact store.
            StoreEvicts: the store may forget jobs.
            BodyTooLarge: an input does not fit into the artifact store, or what a tenant may keep.
            RequestError: the `whole` has a `refusal`, and was not accepted earlier.
        """
        if whole.refusal is not None:
            return await self._replay(whole, whole.refusal)
        try:
            return await self._accept(script, whole, jobs, own)
        except (StoreFull, StoreEvicts, TenantBytesUsed) as refusal:
            return await self._replay(whole, refusal)

    async def _accept(
        self,
        script: str,
        whole: Submission | BatchSubmission,
        jobs: Sequence[Submission],
        own: Mapping[str, Any],
    ) -> Submitted:
        await self._scripts.eviction.check()
        await self._artifacts.check_room()
        large = [job for job in jobs if _is_large(job)]
        if large:
            await self._put(whole.tenant, large)
        paths = {job.job_id: input_path(job.tenant, job.job_id) for job in large}
        try:
            outcome, *rest = await self._scripts.call(
                script,
                tenant=whole.tenant,
                idempotency_key=whole.idempotency_key,
                content_digest=whole.content_digest,
                new_epoch=new_epoch(),
                **own,
                rows=[_row(job, paths.get(job.job_id)) for job in jobs],
            )
        except StoreFull:
            await self._abandon(whole.tenant, large)
            raise
        own_id = _own_id(whole)
        if outcome in (b"full", b"reused", b"late", b"quota") or rest[3].decode() != own_id:
            await self._abandon(whole.tenant, large)
        match outcome:
            case b"full":
                raise QueueFull(
                    f"As many jobs wait as may ({rest[0]}). Wait until some have run, or raise PRESSRUN_MAX_QUEUED."
                )
            case b"reused":
                raise _reused(rest[0])
            case b"late":
                raise _late()
            case b"quota":
                raise over_quota(sum(map(_input_bytes, jobs)), *rest)
        return _submitted(whole.tenant, own_id, rest)

    async def _replay(
        self, whole: Submission | BatchSubmission, refusal: RequestError | StoreError
    ) -> Submitted:
        """Returns what an earlier request with the key made, or raises the refusal."""
        if not whole.idempotency_key:
            raise refusal
        answer = await self._scripts.call(
            "replay",
            tenant=whole.tenant,
            idempotency_key=whole.idempotency_key,
            content_digest=whole.content_digest,
        )
        if answer is None:
            raise refusal
        outcome, *rest = answer
        if outcome == b"reused":
            raise _reused(rest[0])
        return _submitted(whole.tenant, _own_id(whole), rest)

    async def _put(self, tenant: str, jobs: Sequence[Submission]) -> None:
        """Writes the inputs of all jobs, or none; before that, notes them as garbage."""
        rows = [{"id": job.job_id, "bytes": _input_bytes(job)} for job in jobs]
        answer, *rest = await self._scripts.call("inputs_note", tenant=tenant, rows=rows)
        if answer == b"late":
            raise _late()
        if answer == b"quota":
            raise over_quota(sum(map(_input_bytes, jobs)), *rest)
        outcomes = await asyncio.gather(
            *(self._artifacts.put(path, body) for job in jobs for path, body in _uploads(job)),
            return_exceptions=True,
        )
        errors = [outcome for outcome in outcomes if outcome is not None]
        if errors:
            with suppress(StoreError):  # the note stays, also for a write that takes effect later
                await self._artifacts.discard([inputs_prefix(tenant, job.job_id) for job in jobs])
            if isinstance(errors[0], ArtifactTooLarge):
                raise BodyTooLarge(str(errors[0])) from errors[0]
            raise errors[0]

    async def _abandon(self, tenant: str, jobs: Sequence[Submission]) -> None:
        """Removes the inputs of refused jobs.

        A job that is accepted keeps its input: if a step was sent twice, the answer that got lost
        may say so. All others can no longer be accepted, even if a step arrives late.
        """
        if not jobs:
            return
        with suppress(StoreError):  # the note stays
            paths = await self._scripts.call("inputs_abandon", tenant=tenant, rows=_ids(jobs))
            await self._artifacts.discard([path.decode() for path in paths])


def _own_id(whole: Submission | BatchSubmission) -> str:
    return whole.job_id if isinstance(whole, Submission) else whole.batch_id


def _submitted(tenant: str, own_id: str, rest: Sequence[Any]) -> Submitted:
    document, epoch, sequence, known = rest
    cursor = str(Cursor(epoch.decode(), sequence))
    known_id = known.decode()
    return Submitted(known_id, tenant, document, cursor, replayed=known_id != own_id)


def _reused(known: bytes) -> IdempotencyKeyReused:
    return IdempotencyKeyReused(
        f"The idempotency key was used for other content, which became {known.decode()}. "
        "Use a new key for new content."
    )


def _late() -> StoreUnavailable:
    return StoreUnavailable("Writing the document took too long. Send it again.")


def over_quota(requested: int, used: int, allowed: int) -> RequestError:
    """Returns the error for `requested` more bytes of artifacts of a tenant."""
    if requested > allowed:
        return BodyTooLarge(
            f"The document and its files have {requested:,} bytes, and all documents and results of yours together "
            f"may have {allowed:,} (PRESSRUN_MAX_TENANT_BYTES). Make it smaller."
        )
    wanted = f", and this needs {requested:,} more" if requested else ""
    return TenantBytesUsed(
        f"Your documents and results use {used:,} of the {allowed:,} bytes they may{wanted}. Delete jobs, "
        "templates or fonts that you no longer need, wait until some expire, or have PRESSRUN_MAX_TENANT_BYTES raised.",
        used_bytes=used,
        max_bytes=allowed,
        requested_bytes=requested,
    )


def _ids(jobs: Sequence[Submission]) -> list[dict[str, str]]:
    return [{"id": job.job_id} for job in jobs]


def _is_large(job: Submission) -> bool:
    return len(job.spec) > INLINE_INPUT_MAX_BYTES or bool(job.files)


def _input_bytes(job: Submission) -> int:
    """How many bytes of artifacts the job needs before it runs."""
    return sum(len(body) for _, body in _uploads(job)) if _is_large(job) else 0


def _uploads(job: Submission) -> list[tuple[str, bytes]]:
    """Returns paths and contents."""
    files = [(file_path(job.tenant, job.job_id, digest), body) for digest, body in job.files.items()]
    return [(input_path(job.tenant, job.job_id), job.spec), *files]


def _row(job: Submission, path: str | None) -> dict[str, Any]:
    """The job as `scripts/jobs/_accept.lua` reads it."""
    tags = _json(job.tags)
    extras = (
        f'"metadata":{_json(job.metadata)},"tags":{tags},'
        f'"batch_id":{_json(job.batch_id)},"retry_of":{_json(job.retry_of)}'
    )
    return {
        "id": job.job_id,
        "kind": job.kind,
        "priority": job.priority,
        "scheduled_at_ms": job.scheduled_at_ms,
        "expires_in_ms": job.expires_in_ms,
        "max_attempts": job.max_attempts,
        "timeout_ms": job.timeout_ms,
        "extras": extras,
        "tags": tags,
        "input": None if path else job.spec,
        "input_path": path,
        "input_bytes": _input_bytes(job),
        "webhook_url": job.webhook_url,
    }
