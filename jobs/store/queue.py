"""The queue as workers use it: claim, start, finish, hand back, renew. Each is one atomic step."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

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
from jobs.store.vanished import VanishedLog

LEASE_MS = 2_500
"""How long a claim holds without a renewal. A lost worker's job runs again after two leases."""

_SWEEP_BATCH = 100
_RECOUNTED_AT_ONCE = 50
"""Jobs in one step, which takes a few milliseconds: the store answers others in between."""
_RECOUNTS = 10
"""Such steps in each sweep."""


@dataclass(frozen=True, slots=True)
class ExpiredLease:
    """Both values are as the store wrote them."""

    job_id: bytes
    ends: bytes


class GivenUp(NamedTuple):
    """A job that has failed in the queue: it expired, or its workers were lost."""

    job_id: str
    kind: str
    priority: str
    code: str


@dataclass(frozen=True, slots=True)
class ClaimBatch:
    """What one look at the queue returned."""

    claims: list[Claim]
    expired: list[ExpiredLease]
    next_due_ms: int | None
    """Milliseconds until the next scheduled or retrying job is due; None if there is none."""
    given_up: list[GivenUp] = field(default_factory=list)
    """Jobs that this look has failed."""


StopReason = Literal["cancelled", "lost"]


class JobQueue:
    """The steps of a worker. All are safe to repeat, and may raise `StoreUnavailable`."""

    def __init__(
        self,
        redis: Redis,
        scripts: Scripts,
        artifacts: Artifacts,
        *,
        lease_ms: int = LEASE_MS,
        block_ms: int = BLOCK_MS,
    ) -> None:
        """`block_ms` bounds the wait at the doorbell."""
        self._redis = redis
        self._doorbell = DedicatedConnection(redis)
        self._scripts = scripts
        self.artifacts = artifacts
        self.lease_ms = lease_ms
        self._block_ms = block_ms
        self._vanished_log = VanishedLog()

    async def claim(self, want: int, lost: Sequence[ExpiredLease] = ()) -> ClaimBatch:
        """Claims up to `want` jobs, after taking back the leases in `lost`."""
        rows = [{"id": lease.job_id, "lease_end": lease.ends} for lease in lost]
        return _claim_batch(await self._scripts.call("claim", want=want, lease_ms=self.lease_ms, rows=rows))

    async def claim_when_rung(self, want: int, timeout_ms: float) -> ClaimBatch:
        """Waits until a job may be ready, for `timeout_ms` or `block_ms` at most, then claims.

        Both are sent together, and the store claims when the wait (`BLPOP`) has ended: the job
        arrives with the ring. If the worker dies meanwhile, the store drops the claim.
        """
        wait_s = max(0.01, min(timeout_ms, self._block_ms) / 1000)
        with translated_errors():
            rung, answer = await self._doorbell.ask(
                ("BLPOP", keys.DOORBELL, wait_s),
                self._scripts.command("claim", want=want, lease_ms=self.lease_ms),
            )
            if isinstance(answer, NoScriptError):
                return await self.claim(want)
            for refusal in (rung, answer):
                if isinstance(refusal, ResponseError):
                    raise refusal
        return _claim_batch(answer)

    async def start(self, claim: Claim, began_ms_ago: int = 0) -> int:
        """Moves the job to running; returns the number of the attempt. Raises ClaimLost."""
        answer = await self._scripts.call(
            "start", id=claim.job_id, claim=claim.number, lease_ms=self.lease_ms, began_ms_ago=began_ms_ago
        )
        if answer[0] != b"ok":
            raise ClaimLost(claim.job_id, claim.number)
        return int(answer[1])

    async def spec(self, claim: Claim) -> dict[str, Any]:
        """Reads what to run. Raises InputMissing."""
        spec = claim.spec
        if spec is None and claim.input_path is not None:
            with suppress(ArtifactMissing):
                spec = await self.artifacts.get(claim.input_path)
        if spec is None:
            raise InputMissing(
                "The input of this job is gone from the artifact store. Submit the document again."
            )
        loaded: dict[str, Any] = json.loads(spec)
        return loaded

    async def files(self, claim: Claim, spec: dict[str, Any]) -> dict[str, bytes]:
        """Reads the files that came with the job, by name. Raises InputMissing."""
        try:
            return {
                name: await self.artifacts.get(file_path(claim.tenant, claim.job_id, digest))
                for name, digest in spec.get("files", {}).items()
            }
        except ArtifactMissing:
            raise InputMissing(
                "A file of this job is gone from the artifact store. Submit the document again."
            ) from None

    async def result_of(self, tenant: str, job_id: str, max_bytes: int) -> Result:
        """Reads the result of another job of the tenant. Raises SourceGone, SourceTooLarge."""
        try:
            found = await find_result(self._redis, tenant, job_id)
        except RequestError as error:
            raise SourceGone(f"A result that this job was to work on is gone: {error.detail}") from None
        if found.bytes > max_bytes:
            raise SourceTooLarge(
                f"The result of {job_id} has {found.bytes:,} bytes, and there is room for {max_bytes:,} in this job."
            )
        try:
            body = await self.artifacts.get(found.path)
        except ArtifactMissing:
            body = b""
        if hashlib.sha256(body).hexdigest() != found.sha256:
            raise SourceGone(
                f"The result of {job_id} is gone from the artifact store. Submit its document again."
            )
        return Result(body=body, content_type=found.content_type, filename=found.filename)

    async def store_result(self, claim: Claim, result: Result) -> str:
        """Writes bytes that no record names yet; returns their path. Raises ResultTooLarge."""
        path = result_path(claim.tenant, claim.job_id, claim.number)
        try:
            await self.artifacts.put(path, result.body)
        except ArtifactTooLarge as error:
            raise ResultTooLarge(str(error)) from error
        return path

    async def succeed(
        self, claim: Claim, result: Result, path: str, *, began_ms_ago: int | None = None
    ) -> None:
        """Moves the job to succeeded, and keeps the result for its reuse key. Raises ClaimLost.

        With `began_ms_ago`, also a job that is still queued: the same step records its start.
        """
        document = {
            "content_type": result.content_type,
            "filename": result.filename,
            "bytes": len(result.body),
            "sha256": hashlib.sha256(result.body).hexdigest(),
            **result.details,
        }
        await self._finish(
            claim,
            JobStatus.SUCCEEDED,
            began_ms_ago,
            result=json.dumps(document, separators=(",", ":"))[1:-1],
            result_path=path,
            progress=_progress_json(Progress(100, "done", result.details.get("pages"))),
            reuse_key=result.reuse_key,
        )

    async def _remember(self, claim: Claim, key: str) -> None:
        """Keeps the result for the same document again, if the store has room."""
        with suppress(StoreError):
            await self._scripts.call("reuse_store", tenant=claim.tenant, content_digest=key, id=claim.job_id)

    async def recall(self, tenant: str, key: str) -> Result | None:
        """Returns a copy of the result kept for `key`; None if it or its bytes are gone."""
        found = await self._scripts.call("reuse_lookup", tenant=tenant, content_digest=key)
        if found is None:
            return None
        document = json.loads(b"{" + found[1] + b"}")
        try:
            body = await self.artifacts.get(found[0].decode())
        except ArtifactMissing:
            return None
        if hashlib.sha256(body).hexdigest() != document.pop("sha256"):
            return None
        del document["bytes"]
        content_type, filename = document.pop("content_type"), document.pop("filename")
        return Result(
            body=body, content_type=content_type, filename=filename, details=document, reuse_key=key
        )

    async def fail(
        self,
        claim: Claim,
        error: JobError,
        *,
        began_ms_ago: int | None = None,
        has_leftovers: bool = False,
    ) -> None:
        """Moves the job to failed, for good. `began_ms_ago` as for `succeed`. Raises ClaimLost.

        With `has_leftovers`, what the claim has written of a result is removed later.
        """
        await self._finish(
            claim, JobStatus.FAILED, began_ms_ago, error=_error_json(error), has_leftovers=has_leftovers
        )

    async def retry(
        self,
        claim: Claim,
        error: JobError,
        delay_ms: int,
        *,
        began_ms_ago: int | None = None,
        has_leftovers: bool = False,
    ) -> None:
        """Moves the job to retrying; it is queued again after `delay_ms`. As `fail` otherwise."""
        await self._finish(
            claim,
            JobStatus.RETRYING,
            began_ms_ago,
            error=_error_json(error),
            delay_ms=delay_ms,
            has_leftovers=has_leftovers,
        )

    async def release(self, claim: Claim) -> None:
        """Hands back a job whose run began, with no attempt used; its tenant is next.

        If the claim is lost, does nothing. The run may have written a result: it is removed later.
        """
        await self._release([claim], began=True)

    async def hand_back(self, claims: Sequence[Claim]) -> None:
        """Hands back jobs that never began, in the order of their claims; lost ones are left alone.

        Their tenants are where they were on the ring, as if nothing had been claimed.
        """
        if claims:
            await self._release(claims, began=False)

    async def _release(self, claims: Sequence[Claim], *, began: bool) -> None:
        rows = [
            {"id": claim.job_id, "claim": claim.number, "turn": claim.turn, "place": claim.place}
            for claim in claims
        ]
        await self._scripts.call("release", began=int(began), rows=rows)

    async def renew(self, claims: Sequence[Claim]) -> list[tuple[Claim, StopReason]]:
        """Renews the leases; returns the claims that are not current any more, and why."""
        rows = [{"id": claim.job_id, "claim": claim.number} for claim in claims]
        answer = await self._scripts.call("renew", lease_ms=self.lease_ms, rows=rows)
        stops = {
            (answer[i].decode(), int(answer[i + 1])): answer[i + 2].decode() for i in range(0, len(answer), 3)
        }
        return [
            (claim, stops[claim.job_id, claim.number])
            for claim in claims
            if (claim.job_id, claim.number) in stops
        ]

    async def report(self, claim: Claim, progress: Progress) -> None:
        """Publishes how far the run is, if the claim is current."""
        await self._scripts.call(
            "progress", id=claim.job_id, claim=claim.number, progress=_progress_json(progress)
        )

    async def discard_result(self, path: str) -> None:
        """Removes the result of a claim that turned out to be lost."""
        with suppress(StoreError):  # it is noted as garbage
            await self.artifacts.discard([path])

    async def sweep(self) -> int:
        """Expires results and records, and removes artifacts: a bounded number; returns it.

        Ends at the first artifact that cannot be removed. The next sweep takes that one last.
        """
        expired, paths, vanished = await self._scripts.call("sweep", limit=_SWEEP_BATCH)
        self._vanished_log.note(vanished)
        removed: list[bytes] = []
        try:
            for path in paths:
                await self.artifacts.discard([path.decode()])
                removed.append(path)
        except StoreError:
            await self._postpone(paths[len(removed)])
            raise
        finally:
            if removed:
                with translated_errors():
                    await self._redis.zrem(keys.GARBAGE, *removed)
        return int(expired) + len(paths)

    async def _postpone(self, path: bytes) -> None:
        """Puts the path behind all others that are due."""
        with translated_errors():
            seconds, _ = await self._redis.time()
            await self._redis.zadd(keys.GARBAGE, {path: seconds * 1000}, xx=True)

    async def recount(self) -> None:
        """Sets right what some tenants keep; see `scripts/artifacts/recount.lua`."""
        for _ in range(_RECOUNTS):
            if await self._scripts.call("recount", limit=_RECOUNTED_AT_ONCE) < _RECOUNTED_AT_ONCE:
                return  # all were looked at

    async def trim_events(self) -> None:
        """Removes events that are too old or for which there is no room, also from logs that do not
        grow."""
        cursor = b"0"
        while True:
            cursor = await self._scripts.call("trim", cursor=cursor)
            if cursor == b"0":
                return

    async def _finish(
        self,
        claim: Claim,
        status: JobStatus,
        began_ms_ago: int | None,
        *,
        result: str | None = None,
        result_path: str | None = None,
        error: str | None = None,
        progress: str | None = None,
        delay_ms: int = 0,
        has_leftovers: bool = False,
        reuse_key: str | None = None,
    ) -> None:
        finish = self._scripts.call(
            "finish",
            id=claim.job_id,
            claim=claim.number,
            status=status,
            result=result,
            result_path=result_path,
            error=error,
            progress=progress,
            delay_ms=delay_ms,
            leftovers=int(has_leftovers),
            began_ms_ago=began_ms_ago,
        )
        reuse = [] if reuse_key is None else [self._remember(claim, reuse_key)]
        # One round trip, in this order. `gather` also if there is nothing to reuse: outcomes that
        # begin together then reach the pipeline in the same turn of the event loop.
        answer, *_ = await asyncio.gather(finish, *reuse)
        if answer != b"ok":
            raise ClaimLost(claim.job_id, claim.number)


def _claim_batch(answer: list[Any]) -> ClaimBatch:
    claims, expired, next_due_ms, given_up = answer
    claimed_s = time.monotonic()
    return ClaimBatch(
        [_claim(row, claimed_s) for row in claims],
        [ExpiredLease(*expired[i : i + 2]) for i in range(0, len(expired), 2)],
        None if next_due_ms < 0 else next_due_ms,
        [GivenUp(*(value.decode() for value in row)) for row in given_up],
    )


def _claim(row: list[Any], claimed_s: float) -> Claim:
    job_id, tenant, kind, number, attempt, max_attempts, timeout_ms, *rest = row
    spec, input_location, entry, expires, turn, place, fonts, priority, waited_ms = rest
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
        turn=turn,
        place=place,
        fonts="" if fonts is None else fonts.decode(),
        priority=priority.decode(),
        waited_ms=None if waited_ms < 0 else waited_ms,
        claimed_s=claimed_s,
    )


def _progress_json(progress: Progress) -> str:
    document = {"percent": progress.percent, "stage": progress.stage, "page": progress.page}
    return json.dumps(document, separators=(",", ":"))


def _error_json(error: JobError) -> str:
    return json.dumps(
        {"code": error.code, "message": error.message, "retryable": error.retryable}, separators=(",", ":")
    )
