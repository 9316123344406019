"""The queue as workers see it: claim, start, finish, hand back, renew. Each is one atomic step."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

from jobs.core.errors.job import InputMissing, JobError, ResultTooLarge, SourceGone, SourceTooLarge
from jobs.core.errors.request import RequestError
from jobs.core.errors.store import ArtifactMissing, ArtifactTooLarge, ClaimLost, StoreError
from jobs.core.job import Claim, JobStatus, Progress, Result
from jobs.store import keys
from jobs.store.artifacts import Artifacts, file_path, result_path
from jobs.store.client import BLOCK_MS, translated_errors
from jobs.store.connection import DedicatedConnection
from jobs.store.results import find_result
from jobs.store.scripts import Scripts

LEASE_MS = 2_500
"""How long a claim holds without a renewal. A lost worker's job runs again after two of these and two polls."""

_SWEEP_BATCH = 100


@dataclass(frozen=True, slots=True)
class ExpiredLease:
    """A lease whose end has passed; both parts as the store wrote them."""

    job_id: bytes
    ends: bytes


@dataclass(frozen=True, slots=True)
class ClaimBatch:
    """What one look at the queue gave."""

    claims: list[Claim]
    expired: list[ExpiredLease]
    next_due_ms: int | None
    """When the next scheduled or retrying job is due, from now; None where there is none."""


StopReason = Literal["cancelled", "lost"]


class JobQueue:
    """Every method raises `StoreUnavailable` where the store does not answer; all are safe to call again."""

    def __init__(
        self, redis: Redis, scripts: Scripts, artifacts: Artifacts, *, lease_ms: int = LEASE_MS
    ) -> None:
        self._redis = redis
        self._doorbell = DedicatedConnection(redis)
        self._scripts = scripts
        self._artifacts = artifacts
        self.lease_ms = lease_ms

    async def claim(self, want: int, lost: Sequence[ExpiredLease] = ()) -> ClaimBatch:
        """Claims up to `want` jobs, after taking back the leases in `lost`."""
        arguments = [part for lease in lost for part in (lease.job_id, lease.ends)]
        return _haul(await self._scripts.call("claim", want, self.lease_ms, *arguments))

    async def claim_when_rung(self, want: int, timeout_ms: float) -> ClaimBatch:
        """As `claim`, once a job may be ready, at the latest after `timeout_ms` (at most `BLOCK_MS`).

        Both steps are sent at once, and the store takes the second when the first has ended: with the ring comes the
        job. A worker that dies meanwhile takes its connection and the second step with it.
        """
        wait_s = max(0.01, min(timeout_ms, BLOCK_MS) / 1000)
        with translated_errors():
            rung, answer = await self._doorbell.ask(
                ("BLPOP", keys.DOORBELL, wait_s), self._scripts.command("claim", want, self.lease_ms)
            )
            if isinstance(answer, NoScriptError):
                return await self.claim(want)
            for refusal in (rung, answer):
                if isinstance(refusal, ResponseError):
                    raise refusal
        return _haul(answer)

    async def start(self, claim: Claim, began_ms_ago: int = 0) -> int:
        """queued → running; returns the number of the attempt. Raises ClaimLost."""
        answer = await self._scripts.call("start", claim.job_id, claim.number, self.lease_ms, began_ms_ago)
        if answer[0] != b"ok":
            raise ClaimLost(claim.job_id, claim.number)
        return int(answer[1])

    async def spec(self, claim: Claim) -> dict[str, Any]:
        """What to run. Raises InputMissing."""
        spec = claim.spec
        if spec is None and claim.input_path is not None:
            with suppress(ArtifactMissing):
                spec = await self._artifacts.get(claim.input_path)
        if spec is None:
            raise InputMissing(
                "The input of this job is gone from the artifact store. Submit the document again."
            )
        loaded: dict[str, Any] = json.loads(spec)
        return loaded

    async def files(self, claim: Claim, spec: dict[str, Any]) -> dict[str, bytes]:
        """The files that came with the job, by name. Raises InputMissing."""
        try:
            return {
                name: await self._artifacts.get(file_path(claim.tenant, claim.job_id, digest))
                for name, digest in spec.get("files", {}).items()
            }
        except ArtifactMissing:
            raise InputMissing(
                "A file of this job is gone from the artifact store. Submit the document again."
            ) from None

    async def result_of(self, tenant: str, job_id: str, max_bytes: int) -> Result:
        """What another job of the tenant produced. Raises SourceGone, SourceTooLarge."""
        try:
            found = await find_result(self._redis, tenant, job_id)
        except RequestError as error:
            raise SourceGone(f"A result that this job was to work on is gone: {error.detail}") from None
        if found.bytes > max_bytes:
            raise SourceTooLarge(
                f"The result of {job_id} has {found.bytes:,} bytes, and there is room for {max_bytes:,} in this job."
            )
        try:
            body = await self._artifacts.get(found.path)
        except ArtifactMissing:
            body = b""
        if hashlib.sha256(body).hexdigest() != found.sha256:
            raise SourceGone(
                f"The result of {job_id} is gone from the artifact store. Submit its document again."
            )
        return Result(body=body, content_type=found.content_type, filename=found.filename)

    async def store_result(self, claim: Claim, result: Result) -> str:
        """Writes the result's bytes, before the record may name them; returns their path. Raises ResultTooLarge."""
        path = result_path(claim.tenant, claim.job_id, claim.number)
        try:
            await self._artifacts.put(path, result.body)
        except ArtifactTooLarge as error:
            raise ResultTooLarge(str(error)) from error
        return path

    async def succeed(
        self, claim: Claim, result: Result, path: str, *, began_ms_ago: int | None = None
    ) -> None:
        """running → succeeded; the result is the one for its reuse key from now on. Raises ClaimLost.

        With `began_ms_ago` also from queued: the start of the run is recorded in the same step.
        """
        document = {
            "content_type": result.content_type,
            "filename": result.filename,
            "bytes": len(result.body),
            "sha256": hashlib.sha256(result.body).hexdigest(),
            **result.details,
        }
        done = Progress(100, "done", result.details.get("pages"))
        members = json.dumps(document, separators=(",", ":"))[1:-1]
        finish = self._finish(
            claim, JobStatus.SUCCEEDED, members, path, "", _progress_json(done), 0, began_ms_ago
        )
        if result.reuse_key is None:
            await finish
        else:  # in one round trip, and in this order
            await asyncio.gather(finish, self._remember(claim, result.reuse_key))

    async def _remember(self, claim: Claim, key: str) -> None:
        """For the same document again; where the store has no room for it, that one is made anew."""
        with suppress(StoreError):
            await self._scripts.call("reuse_store", tenant=claim.tenant, content_digest=key, id=claim.job_id)

    async def recall(self, tenant: str, key: str) -> Result | None:
        """A copy of the result that is remembered for `key`; None where there is none, or its bytes are gone."""
        found = await self._scripts.call("reuse_lookup", tenant=tenant, content_digest=key)
        if found is None:
            return None
        document = json.loads(b"{" + found[1] + b"}")
        try:
            body = await self._artifacts.get(found[0].decode())
        except ArtifactMissing:
            return None
        if hashlib.sha256(body).hexdigest() != document.pop("sha256"):
            return None
        del document["bytes"]
        content_type, filename = document.pop("content_type"), document.pop("filename")
        return Result(
            body=body, content_type=content_type, filename=filename, details=document, reuse_key=key
        )

    async def fail(self, claim: Claim, error: JobError) -> None:
        """running → failed, for good. Raises ClaimLost."""
        await self._finish(claim, JobStatus.FAILED, "", "", _error_json(error), "", 0)

    async def retry(self, claim: Claim, error: JobError, delay_ms: int) -> None:
        """running → retrying, to be queued again after `delay_ms`. Raises ClaimLost."""
        await self._finish(claim, JobStatus.RETRYING, "", "", _error_json(error), "", delay_ms)

    async def release(self, claim: Claim, *, began: bool = True) -> None:
        """Hands the job back at once with no attempt used. A claim that was lost meanwhile is no error.

        Where no run `began`, there is no result that nobody will name.
        """
        await self._scripts.call("release", claim.job_id, claim.number, int(began))

    async def renew(self, claims: Sequence[Claim]) -> list[tuple[Claim, StopReason]]:
        """Renews the leases; names the claims that are not current any more, and why."""
        arguments = [part for claim in claims for part in (claim.job_id, claim.number)]
        answer = await self._scripts.call("renew", self.lease_ms, *arguments)
        stops = {
            (answer[i].decode(), int(answer[i + 1])): answer[i + 2].decode() for i in range(0, len(answer), 3)
        }
        return [
            (claim, stops[claim.job_id, claim.number])
            for claim in claims
            if (claim.job_id, claim.number) in stops
        ]

    async def report(self, claim: Claim, progress: Progress) -> None:
        """Pushes how far the run is; of a lost claim, nothing."""
        await self._scripts.call("progress", claim.job_id, claim.number, _progress_json(progress))

    async def discard_result(self, path: str) -> None:
        """Removes what a claim wrote that turned out to be lost."""
        await self._artifacts.discard([path])

    async def sweep(self) -> int:
        """Expires results and records and removes artifacts nobody needs, a bounded number; returns how many."""
        expired, paths = await self._scripts.call("sweep", limit=_SWEEP_BATCH)
        await self._artifacts.discard(path.decode() for path in paths)
        if paths:
            with translated_errors():
                await self._redis.zrem(keys.GARBAGE, *paths)
        return int(expired) + len(paths)

    async def _finish(
        self,
        claim: Claim,
        status: JobStatus,
        result: str,
        path: str,
        error: str,
        progress: str,
        delay_ms: int,
        began_ms_ago: int | None = None,
    ) -> None:
        began = "" if began_ms_ago is None else began_ms_ago
        arguments = (claim.job_id, claim.number, status, result, path, error, progress, delay_ms, began)
        answer = await self._scripts.call("finish", *arguments)
        if answer != b"ok":
            raise ClaimLost(claim.job_id, claim.number)


def _haul(answer: list[Any]) -> ClaimBatch:
    claims, expired, next_due_ms = answer
    return ClaimBatch(
        [_claim(row) for row in claims],
        [ExpiredLease(*expired[i : i + 2]) for i in range(0, len(expired), 2)],
        None if next_due_ms < 0 else next_due_ms,
    )


def _claim(row: list[Any]) -> Claim:
    job_id, tenant, kind, number, attempt, max_attempts, timeout_ms, spec, input_location, entry, expires = (
        row
    )
    return Claim(
        job_id=job_id.decode(),
        tenant=tenant.decode(),
        kind=kind.decode(),
        number=number,
        attempt=attempt,
        max_attempts=max_attempts,
        timeout_ms=None if timeout_ms < 0 else timeout_ms,
        spec=spec,
        input_path=None if input_location == b"inline" else input_location.decode(),
        entry=entry,
        may_expire=bool(expires),
    )


def _progress_json(progress: Progress) -> str:
    return json.dumps(progress.as_document(), separators=(",", ":"))


def _error_json(error: JobError) -> str:
    return json.dumps(
        {"code": error.code, "message": error.message, "retryable": error.retryable}, separators=(",", ":")
    )
