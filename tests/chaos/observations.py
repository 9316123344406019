"""What clients saw in a run: typed records, written as JSON lines as they happen.

Nothing here comes from inside the system: a record is an answer, a frame, or a webhook request.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JobSeen:
    """A job document, without what may differ between two looks at one version of the job."""

    id: str
    kind: str
    status: str
    version: int
    attempt: int
    max_attempts: int
    created_at: float
    """Unix seconds, like all times of documents."""
    scheduled_at: float | None
    started_at: float | None
    finished_at: float | None
    error_code: str | None
    error_retryable: bool
    sha256: str | None
    """Of the result, in hex."""
    nonce: str | None
    """Names the submission: from `metadata`, else from the file name of the result."""
    tags: tuple[str, ...]
    batch_id: str | None
    retry_of: str | None
    digest: str
    """Of all members that cannot change without a new version."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> JobSeen:
        result, error = document["result"] or {}, document["error"] or {}
        volatile = ("progress", "queue", "subscription", "links")
        same = ("id", "kind", "status", "version", "attempt", "max_attempts", "batch_id", "retry_of")
        times = ("scheduled_at", "started_at", "finished_at")
        members: dict[str, Any] = {name: document[name] for name in same}
        members |= {name: seconds(document[name]) for name in times}
        return cls(
            **members,
            created_at=seconds(document["created_at"]) or 0.0,
            error_code=error.get("code"),
            error_retryable=bool(error.get("retryable")),
            sha256=result.get("sha256"),
            nonce=document["metadata"].get("nonce") or _stem(result.get("filename")),
            tags=tuple(document["tags"]),
            digest=digest_of({name: value for name, value in document.items() if name not in volatile}),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BatchSeen:
    """A batch document."""

    id: str
    status: str
    total: int
    succeeded: int
    failed: int
    cancelled: int
    job_ids: tuple[str, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> BatchSeen:
        names = ("id", "status", "total", "succeeded", "failed", "cancelled")
        return cls(**{name: document[name] for name in names}, job_ids=tuple(document["job_ids"]))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EventSeen:
    """An event of a tenant's log."""

    epoch: str
    sequence: int
    id: str
    type: str
    timestamp: float
    digest: str
    job: JobSeen | None = None
    batch: BatchSeen | None = None

    @classmethod
    def of(cls, epoch: str, event: Mapping[str, Any]) -> EventSeen:
        job, batch = event["data"].get("job"), event["data"].get("batch")
        return cls(
            epoch=epoch,
            sequence=event["sequence"],
            id=event["id"],
            type=event["type"],
            timestamp=seconds(event["timestamp"]) or 0.0,
            digest=digest_of(event),
            job=JobSeen.of(job) if job else None,
            batch=BatchSeen.of(batch) if batch else None,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the result of a job must be, as its submitter knows."""

    texts: tuple[str, ...] = ()
    """Words that the PDF shows, in this order. No other document shows them."""
    colour: str | None = None
    """The colour of the first page, `rrggbb`."""
    is_picture: bool = False
    fails: str | None = None
    """The code of the error with which the job must fail."""
    sources: tuple[str, ...] = ()
    """Jobs whose results it works on."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Something that a client saw. `at` is its monotonic clock, `wall` Unix seconds."""

    at: float
    wall: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Moment(Observation):
    """A turn in the run: `faults_end`, `settled` or `end`."""

    name: str


_NOTHING_WRITTEN = frozenset({"store_evicts", "check_unavailable"})
"""Codes of 503 answers that say so. After all others, the outcome is unknown."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Observation):
    """A request and its answer. `at` is when the answer was there."""

    tenant: str
    began: float
    """The monotonic time when it was sent."""
    status: int | None
    """None if no answer came: nobody knows what the request did."""
    code: str | None = None
    """Of the problem document, if the answer is one."""
    retry_after: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether the answer says for certain that nothing was done."""
        is_4xx = self.status is not None and 400 <= self.status < 500
        return (is_4xx and self.code != "job_failed") or self.code in _NOTHING_WRITTEN

    @property
    def is_unknown(self) -> bool:
        return not self.is_refused and (self.status is None or self.status >= 500)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(Asked):
    """A submission of one or more jobs."""

    route: str
    """`jobs`, `pdf`, `preview`, `batches` or `retry`."""
    nonce: str
    """One for all tries of a submission with a key, else new. A retry has that of its job."""
    content: str
    """Digest of what was asked for: equal contents with one key mean one job."""
    key: str | None
    expected: tuple[Expected, ...]
    """One for each job."""
    retry_of: str | None = None
    scheduled_at: float | None = None
    expires_in: int | None = None
    webhook_path: str | None = None
    job_ids: tuple[str, ...] = ()
    """Of the jobs that were accepted."""
    batch_id: str | None = None
    replayed: bool = False
    must_refuse: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JobRead(Asked):
    """A look at a job: `get`, `wait`, `cancel` or `submit`. `job` is what the answer shows."""

    how: str
    job_id: str
    job: JobSeen | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BatchRead(Asked):
    batch_id: str
    batch: BatchSeen | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Asked):
    """A `cancel` or `delete` of a job, or a `cancel_batch`."""

    action: str
    subject: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded(Asked):
    """A result, or its refusal."""

    job_id: str
    sha256: str | None = None
    texts: tuple[str, ...] = ()
    """The words of the PDF that are of the form of an expected text, in order."""
    colour: str | None = None
    content_type: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Asked):
    """All pages of a list of jobs, read one after the other."""

    filters: Mapping[str, str]
    jobs: tuple[tuple[str, str, int], ...]
    """Id, status and version."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogRead(Asked):
    """A page of the event log. `is_last` marks the reads from the first event on, at the end."""

    after: str | None
    events: tuple[EventSeen, ...] = ()
    next_cursor: str | None = None
    has_more: bool = False
    is_last: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Probed(Asked):
    """A request for what belongs to another tenant."""

    owner: str
    path: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed(Observation):
    """A reader (of a job, or of all jobs of a tenant) was told that events follow."""

    reader: str
    tenant: str
    after: str | None
    """The cursor that it asked from."""
    cursor: str | None = None
    job_id: str | None = None
    snapshot: JobSeen | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Left(Observation):
    """A connection of a reader ended, or could not be made."""

    reader: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Received(Observation):
    """An event arrived at a reader. A reader of one job gets no cursors: its epoch is empty."""

    reader: str
    epoch: str
    sequence: int
    id: str
    digest: str
    version: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Progressed(Observation):
    reader: str
    job_id: str
    percent: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WasReset(Observation):
    """A reader was told that events are gone."""

    reader: str
    reason: str
    cursor: str | None
    version: int | None = None
    """Of the job that a reader of one job is shown instead."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAsked(Asked):
    """A webhook endpoint was to be made (`create`), to get a new secret (`rotate`), or to go
    (`delete`). `path` is the path of its URL at the receiver, and no other endpoint has it."""

    action: str
    path: str
    endpoint_id: str | None = None
    secret: int = 0
    """The number of the secret that was given with the request."""
    grace_seconds: int = 0
    event_types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    created_at: float | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pending(Observation):
    """At the end, a delivery is still to be sent, perhaps again. `url` is that of a job."""

    tenant: str
    endpoint_id: str | None
    url: str | None
    event_id: str
    attempts: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Delivered(Observation):
    """A webhook request arrived."""

    path: str
    webhook_id: str
    age_seconds: float
    """Of `webhook-timestamp`, when the request arrived."""
    signatures: int
    signed_by: tuple[int, ...]
    """The numbers of the secrets of this path that made a signature of it."""
    answered: int
    event: EventSeen


_TYPES: dict[str, type[Observation]] = {}


def _register(kind: type[Observation]) -> None:
    for each in kind.__subclasses__():
        _TYPES[each.__name__] = each
        _register(each)


_register(Observation)


class Recorder:
    """Appends observations to a file. Each is there when the call returns."""

    def __init__(self, log: Path) -> None:
        self._file = log.open("a", buffering=1, encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def note(self, kind: type[Observation], **members: Any) -> None:
        """Writes an observation of this moment."""
        self._file.write(to_line(kind(at=time.monotonic(), wall=time.time(), **members)) + "\n")


def to_line(observation: Observation) -> str:
    return json.dumps({"is": type(observation).__name__, **dataclasses.asdict(observation)})


def read(log: Path) -> Iterator[Observation]:
    """Yields what `log` has. A last line that is not whole yet is left out."""
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield from_line(line)


def from_line(line: str) -> Observation:
    members = json.loads(line)
    observation: Observation = _made(_TYPES[members.pop("is")], members)
    return observation


_NESTED: dict[str, Any] = {"event": EventSeen, "job": JobSeen, "batch": BatchSeen, "snapshot": JobSeen}
_LISTS: dict[str, Any] = {"events": EventSeen, "expected": Expected}


def _made(kind: Any, members: dict[str, Any]) -> Any:
    for name, value in members.items():
        if name in _NESTED and value is not None:
            members[name] = _made(_NESTED[name], value)
        elif name in _LISTS:
            members[name] = tuple(_made(_LISTS[name], each) for each in value)
        elif isinstance(value, list):
            members[name] = tuple(tuple(each) if isinstance(each, list) else each for each in value)
    return kind(**members)


def digest_of(document: Any) -> str:
    """Returns a short digest of a JSON document."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def seconds(time_text: str | None) -> float | None:
    """Returns Unix seconds of a time in RFC 3339."""
    return None if time_text is None else datetime.fromisoformat(time_text.replace("Z", "+00:00")).timestamp()


def _stem(filename: str | None) -> str | None:
    """A file name names the submission if the load chose it: `nonce-….pdf`."""
    return filename.removesuffix(".pdf") if filename and filename.startswith("nonce-") else None
