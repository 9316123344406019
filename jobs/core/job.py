"""The job: its states, what a submission says, and the document everybody sees. Pure."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.core.errors.request import RequestError


class JobStatus(enum.StrEnum):
    """The states of a job, drawn in `docs/architecture.md`."""

    SCHEDULED = "scheduled"
    """Accepted, to run at `scheduled_at`."""
    QUEUED = "queued"
    """Waiting for a worker. A claimed job stays `queued` until its run starts."""
    RUNNING = "running"
    """An attempt is under way; a lease says by whom and until when."""
    RETRYING = "retrying"
    """An attempt failed with a retryable error; it is queued again after a back-off."""
    SUCCEEDED = "succeeded"
    """Terminal. The result is there until it expires."""
    FAILED = "failed"
    """Terminal. `error` says why."""
    CANCELLED = "cancelled"
    """Terminal. Somebody asked for it."""

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})


class Priority(enum.StrEnum):
    """Which ready jobs go first (`BANDS` in `scripts/jobs/_transition.lua`)."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


DEFAULT_MAX_ATTEMPTS = 3
INLINE_INPUT_MAX_BYTES = 32 * 1024
"""Inputs up to this size are kept in the store beside the record; larger ones are artifacts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A validated request for a job, ready to be written."""

    job_id: str
    tenant: str
    kind: str
    spec: bytes
    """JSON ``{"input": …, "options": …}``; with ``"files": {name: SHA-256}`` if there are any. With
    secrets it has another form: see `jobs.kinds.spec_secrets`."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Content by hex SHA-256."""
    priority: Priority = Priority.NORMAL
    scheduled_at_ms: int | None = None
    """Unix milliseconds; a time in the past means at once."""
    expires_in_ms: int | None = None
    """The job fails with `job_expired` when it has not started this long after it was accepted."""
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    timeout_ms: int | None = None
    """Deadline of one attempt; None for the worker's `RENDER_TIMEOUT`."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    batch_id: str | None = None
    retry_of: str | None = None
    webhook_url: str | None = None
    """Told how the job ended, besides the tenant's endpoints."""
    idempotency_key: str | None = None
    content_digest: str = ""
    """Hex SHA-256 of what makes two submissions with one idempotency key the same content."""
    refusal: RequestError | None = None
    """Why it is not accepted: something it refers to is not there. With an idempotency key it may
    still ask for what an earlier submission made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSubmission:
    """A validated request for a batch."""

    batch_id: str
    tenant: str
    jobs: tuple[Submission, ...]
    """Of the same tenant, each with this `batch_id` and no idempotency key of its own."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    webhook_url: str | None = None
    """Told when the batch is completed, besides the tenant's endpoints."""
    # As of a `Submission`:
    idempotency_key: str | None = None
    content_digest: str = ""
    refusal: RequestError | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as everybody sees it: its JSON document, without fields that are not kept."""

    document: dict[str, Any]
    tenant: str

    @property
    def id(self) -> str:
        return str(self.document["id"])

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    @property
    def status(self) -> JobStatus:
        return JobStatus(self.document["status"])

    @property
    def version(self) -> int:
        return int(self.document["version"])

    @property
    def is_terminal(self) -> bool:
        return self.status.is_terminal


@dataclass(frozen=True, slots=True)
class Submitted:
    """The outcome of the submission of a job or a batch."""

    id: str
    """Of the job or batch. Not the id that was sent if an idempotency key was used before."""
    tenant: str
    document: bytes
    """The job or batch as everybody sees it, JSON as the store wrote it."""
    cursor: str
    """The end of the tenant's event log at this answer: the first events are before it."""
    replayed: bool
    """Whether an earlier request with the same idempotency key had made it. A request whose step
    was sent to the store twice, because the first answer was lost, has made it itself."""

    @property
    def job(self) -> Job:
        return Job(json.loads(self.document), self.tenant)


@dataclass(frozen=True, slots=True)
class Claim:
    """One taking of a job by a worker; `number` is the fence on everything the worker writes."""

    job_id: str
    tenant: str
    kind: str
    number: int
    attempt: int
    """Attempts used so far; the run that is about to start is `attempt + 1`."""
    max_attempts: int
    timeout_ms: int | None
    spec: bytes | None
    """None if it is an artifact at `input_path`."""
    input_path: str | None
    entry: bytes
    """arq's own job entry."""
    may_expire: bool = False
    """Whether the job fails if no start is recorded in time."""
    turn: int = 0
    """The turn of its tenant that it took."""
    place: int = 0
    """The place of its tenant on the ring before that turn."""
    fonts: str = ""
    """The revision of the fonts of its tenant at that moment; empty if it has none."""
    priority: str = Priority.NORMAL
    waited_ms: int | None = field(default=None, compare=False)
    """From when it was accepted, or due, to the claim; None if an attempt was made before."""
    claimed_s: float = field(default=0.0, compare=False)
    """When the claim arrived, by `time.monotonic`."""

    @property
    def log_context(self) -> dict[str, Any]:
        return {"job_id": self.job_id, "tenant": self.tenant, "kind": self.kind, "claim": self.number}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. Only the latest value is kept, and it is no event."""

    percent: int
    stage: str
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a kind produced: bytes, and what the job document says about them."""

    body: bytes
    content_type: str
    filename: str
    details: Mapping[str, Any] = field(default_factory=dict)
    """Further members of the document's `result` (`pages`, `render_ms`, `warnings`, …)."""
    reuse_key: str | None = None
    """Hex digest of all that the bytes depend on (see `Run.recall`); None if they can differ."""
