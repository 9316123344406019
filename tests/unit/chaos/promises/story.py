"""A short run that keeps every promise. A test changes one thing and looks at what is said.

Tenant `acme` submits one good job with a key and a `webhook_url`, a batch of two, and a job that it
cancels and deletes; a receiver and readers get all events. Tenant `zeta` asks for what is not its
own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from tests.chaos.observations import (
    BatchRead,
    BatchSeen,
    Changed,
    Delivered,
    Downloaded,
    EndpointAsked,
    EventSeen,
    Expected,
    JobRead,
    JobSeen,
    Listed,
    LogRead,
    Moment,
    Observation,
    Probed,
    Progressed,
    Received,
    Submitted,
    Subscribed,
)
from tests.chaos.promises import Promise
from tests.chaos.promises.history import History

O = TypeVar("O", bound=Observation)  # noqa: E741 (of Observation)
GOOD, ONE, TWO, UNWANTED = "job_GOOD", "job_ONE", "job_TWO", "job_UNWANTED"
ENDPOINT, URL = "/endpoint/acme/1", "/url/acme/nonce-acme-1"
EPOCH = "e1"
BEGAN_AT = 1_000_000.0
"""The Unix time at 0 on the monotonic clock."""


def job(id: str = GOOD, status: str = "queued", version: int = 1, **members: Any) -> JobSeen:
    """A job with what belongs to its status."""
    is_end = status in ("succeeded", "failed", "cancelled")
    known: dict[str, Any] = {
        "kind": "pdf.render",
        "attempt": 0 if status in ("queued", "scheduled") or id == UNWANTED else 1,
        "max_attempts": 3,
        "created_at": BEGAN_AT + 1,
        "scheduled_at": None,
        "started_at": BEGAN_AT + 2 if status in ("running", "succeeded", "failed") else None,
        "finished_at": BEGAN_AT + 3 if is_end else None,
        "error_code": None,
        "error_retryable": False,
        "sha256": f"sha of {id}" if status == "succeeded" else None,
        "nonce": {GOOD: "nonce-acme-1", ONE: "nonce-acme-2.0", TWO: "nonce-acme-2.1"}.get(id, "nonce-acme-3"),
        "tags": (),
        "batch_id": "bat_B" if id in (ONE, TWO) else None,
        "retry_of": None,
        "digest": f"{id} {version}",
    }
    return JobSeen(id=id, status=status, version=version, **{**known, **members})


def event(
    sequence: int, type: str, about: JobSeen | None = None, batch: BatchSeen | None = None
) -> EventSeen:
    about_id = f"{about.id[4:]}_{about.version}" if about else "B_1"
    return EventSeen(
        epoch=EPOCH,
        sequence=sequence,
        id=f"evt_{about_id}",
        type=type,
        timestamp=BEGAN_AT + sequence,
        digest=f"digest {sequence}",
        job=about,
        batch=batch,
    )


def life(id: str, first: int) -> list[EventSeen]:
    """The three events of a job that succeeds, from this sequence on."""
    return [
        event(first, "job.queued", job(id)),
        event(first + 1, "job.started", job(id, "running", 2)),
        event(first + 2, "job.succeeded", job(id, "succeeded", 3)),
    ]


BATCH = BatchSeen(
    id="bat_B", status="completed", total=2, succeeded=2, failed=0, cancelled=0, job_ids=(ONE, TWO)
)
EVENTS = [
    *life(GOOD, 1),
    *life(ONE, 4),
    *life(TWO, 7),
    event(10, "batch.completed", batch=BATCH),
    event(11, "job.queued", job(UNWANTED)),
    event(12, "job.cancelled", job(UNWANTED, "cancelled", 2)),
]


class Story:
    """Observations, each half a second after the one before."""

    def __init__(self, observations: list[Observation]) -> None:
        self.observations = observations

    def change(
        self, kind: type[O], changes: dict[str, Any], of: Callable[[O], bool] = lambda _: True
    ) -> Story:
        """Changes the first observation of this kind that `of` accepts."""
        at = self._find(kind, of)
        self.observations[at] = dataclasses.replace(self.observations[at], **changes)
        return self

    def drop(self, kind: type[O], of: Callable[[O], bool] = lambda _: True) -> Story:
        del self.observations[self._find(kind, of)]
        return self

    def add(self, kind: type[Observation], at: float | None = None, **members: Any) -> Story:
        """Adds one before the end of the run, or at another time."""
        at = self.observations[-1].at - 0.25 if at is None else at
        if issubclass(
            kind, (Submitted, JobRead, Changed, Downloaded, Listed, LogRead, Probed, EndpointAsked, BatchRead)
        ):
            members = {"tenant": "acme", "began": at - 0.1, "status": 200, **members}
        self.observations.append(kind(at=at, wall=BEGAN_AT + at, **members))
        self.observations.sort(key=lambda each: each.at)
        return self

    def change_event(self, sequence: int, **changes: Any) -> Story:
        """Changes an event of the log; `job` is a dict of changes of its job."""
        for at, each in enumerate(self.observations):
            if isinstance(each, LogRead):
                events = tuple(
                    _changed(one, changes) if one.sequence == sequence else one for one in each.events
                )
                self.observations[at] = dataclasses.replace(each, events=events)
        return self

    def only(self, *events: EventSeen) -> Story:
        """Makes these events the whole log."""
        last = f"{EPOCH}.{events[-1].sequence}"
        return self.change(LogRead, {"events": events, "next_cursor": last})

    def said_by(self, promise: Promise, *, final: bool = True) -> list[str]:
        return list(promise(History(self.observations, final=final)))

    def _find(self, kind: type[O], of: Callable[[O], bool]) -> int:
        return next(at for at, each in enumerate(self.observations) if isinstance(each, kind) and of(each))


def _changed(one: EventSeen, changes: dict[str, Any]) -> EventSeen:
    changed = dict(changes)
    if "job" in changed and one.job is not None:
        changed["job"] = dataclasses.replace(one.job, **changed["job"])
    return dataclasses.replace(one, **changed)


def good() -> Story:
    """A run that keeps every promise."""
    story = Story([Moment(at=100.0, wall=BEGAN_AT + 100, name="end")])
    times = iter(range(1, 99))

    def add(kind: type[Observation], **members: Any) -> None:
        story.add(kind, next(times), **members)

    document = Expected(texts=("QXAAAAAAAA",), colour="112233")
    submission = {"content": "c", "key": "k1", "expected": (document,), "nonce": "nonce-acme-1"}
    created = {"event_types": ("job.*", "batch.completed"), "endpoint_id": "we_1"}
    add(EndpointAsked, status=201, action="create", path=ENDPOINT, created_at=BEGAN_AT + 0.5, **created)
    add(Subscribed, reader="acme/websocket-1", tenant="acme", after=None, cursor="0.0")
    add(Submitted, route="jobs", status=None, **submission)
    add(Submitted, route="jobs", status=202, job_ids=(GOOD,), replayed=True, webhook_path=URL, **submission)
    add(
        Submitted,
        route="batches",
        status=202,
        job_ids=(ONE, TWO),
        batch_id="bat_B",
        nonce="nonce-acme-2",
        content="b",
        key=None,
        expected=(document, document),
    )
    add(
        Submitted,
        route="jobs",
        status=202,
        job_ids=(UNWANTED,),
        nonce="nonce-acme-3",
        content="u",
        key=None,
        expected=(document,),
    )
    add(Subscribed, reader=f"acme/{GOOD}/1", tenant="acme", after=None, job_id=GOOD, snapshot=job())
    add(Progressed, reader=f"acme/{GOOD}/1", job_id=GOOD, percent=40)
    for one in EVENTS:
        version = one.job.version if one.job else None
        got = {"sequence": one.sequence, "id": one.id, "digest": one.digest, "version": version}
        add(Received, reader="acme/websocket-1", epoch=EPOCH, **got)
        if one.job and one.job.id == GOOD and one.job.version > 1:
            add(Received, reader=f"acme/{GOOD}/1", epoch="", **got)
        delivery = {
            "webhook_id": one.id,
            "age_seconds": 0.5,
            "signatures": 1,
            "signed_by": (0,),
            "answered": 204,
        }
        add(Delivered, path=ENDPOINT, event=one, **delivery)
        if one.sequence == 3:
            add(Delivered, path=URL, event=one, **delivery)
    add(Moment, name="faults_end")
    add(Changed, action="cancel", subject=UNWANTED)
    add(JobRead, how="get", job_id=GOOD, job=job(GOOD, "succeeded", 3))
    add(BatchRead, batch_id="bat_B", batch=BATCH)
    add(
        Downloaded, job_id=GOOD, sha256=f"sha of {GOOD}", texts=document.texts, content_type="application/pdf"
    )
    add(Changed, action="delete", subject=UNWANTED, status=204)
    add(Probed, tenant="zeta", owner="acme", path=f"GET /v1/jobs/{GOOD}", status=404, code="job_not_found")
    add(Moment, name="settled")
    add(LogRead, after=None, events=tuple(EVENTS), next_cursor=f"{EPOCH}.12", is_last=True)
    add(JobRead, how="get", job_id=UNWANTED, status=404, code="job_not_found")
    add(Listed, filters={}, jobs=tuple((each, "succeeded", 3) for each in (GOOD, ONE, TWO)))
    return story
