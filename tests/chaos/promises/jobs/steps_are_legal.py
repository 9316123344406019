"""A job's events are the arrows of the drawing in `docs/architecture.md`, none missing or twice,
and attempts count as they should."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tests.chaos.observations import EventSeen, JobSeen
from tests.chaos.promises.history import TERMINAL, History

_FIRST = ("job.queued", "job.scheduled")
_NEXT = {
    "job.scheduled": {"job.queued", "job.cancelled", "job.failed"},
    "job.queued": {"job.started", "job.cancelled", "job.failed"},
    "job.started": {"job.queued", "job.retrying", "job.succeeded", "job.failed", "job.cancelled"},
    "job.retrying": {"job.queued", "job.cancelled"},
    "job.succeeded": {"job.expired"},
    "job.failed": set[str](),
    "job.cancelled": set[str](),
    "job.expired": set[str](),
}
_STATUS = {"job.started": "running", "job.expired": "succeeded"}
"""Of the job in an event; of all others it is the name of the event."""
_WITHOUT_START = {"job_expired", "worker_lost"}
"""Errors of jobs that fail before they have started."""


def broken(history: History) -> Iterator[str]:
    for job_id, events in history.job_events.items():
        versions = [event.job.version for event in events if event.job]
        if versions != list(range(1, len(events) + 1)) and not history.may_miss_events(job_id):
            yield f"{job_id} has events of versions {versions}"
            continue
        if versions[0] == 1 and events[0].type not in _FIRST:
            yield f"{job_id} begins with {events[0].type}"
        for event in events:
            yield from _flaws_of(event)
        for before, after in pairwise(events):
            assert before.job is not None
            assert after.job is not None
            if after.job.version != before.job.version + 1:
                continue
            if after.type not in _NEXT[before.type]:
                yield f"{job_id} went from {before.type} to {after.type}"
            yield from _wrong_attempts(before, after)


def _flaws_of(event: EventSeen) -> Iterator[str]:
    job = event.job
    assert job is not None
    if event.id != f"evt_{job.id.removeprefix('job_')}_{job.version}":
        yield f"version {job.version} of {job.id} has an event named {event.id}"
    if job.status != _STATUS.get(event.type, event.type.removeprefix("job.")):
        yield f"{event.type} of {job.id} shows it as {job.status}"
    if job.attempt > job.max_attempts:
        yield f"{job.id} is at attempt {job.attempt} of {job.max_attempts}"
    if (job.status in TERMINAL) != (job.finished_at is not None):
        yield f"{job.id} is {job.status}, and finished_at is {job.finished_at}"
    if (job.sha256 is not None) != (job.status == "succeeded"):
        yield f"{job.id} is {job.status}, and its result is {job.sha256}"
    times = [each for each in (job.created_at, job.started_at, job.finished_at) if each is not None]
    if times != sorted(times):
        yield f"{job.id} was created, started and finished at {times}"


def _wrong_attempts(before: EventSeen, after: EventSeen) -> Iterator[str]:
    """A start uses an attempt; a drain gives it back; nothing else changes the count."""
    old, new = before.job, after.job
    assert old is not None
    assert new is not None
    used = new.attempt - old.attempt
    allowed = {"job.started": {1}, "job.queued": {0, -1} if before.type == "job.started" else {0}}
    if used not in allowed.get(after.type, {0}):
        yield f"{after.type} of {new.id} took it from attempt {old.attempt} to {new.attempt}"
    if after.type == "job.retrying" and new.attempt >= new.max_attempts:
        yield f"{new.id} is tried again after attempt {new.attempt} of {new.max_attempts}"
    if after.type == "job.failed":
        yield from _gave_up_early(before, new)


def _gave_up_early(before: EventSeen, job: JobSeen) -> Iterator[str]:
    has_attempts = job.attempt < job.max_attempts
    if before.type != "job.started" and job.error_code not in _WITHOUT_START:
        yield f"{job.id} failed with {job.error_code} without a start"
    if (
        before.type == "job.started"
        and has_attempts
        and (job.error_retryable or job.error_code == "worker_lost")
    ):
        yield f"{job.id} failed with {job.error_code} at attempt {job.attempt} of {job.max_attempts}"
