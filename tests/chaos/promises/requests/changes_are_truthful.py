"""The answer to a cancel or a delete is true: what it says has happened, and stays."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.observations import Changed, JobRead, Listed, Submitted
from tests.chaos.promises.history import History

_CLOCKS_S = 1.0
"""Times of documents and those of clients are of one clock; an answer takes a while."""


def broken(history: History) -> Iterator[str]:
    batch_of = {job_id: each.batch_id for each in history.of(Submitted) for job_id in each.job_ids}
    for each in history.of(Changed):
        match each.action:
            case "cancel":
                yield from _cancel(history, each, [each.subject])
            case "cancel_batch":
                jobs = [job_id for job_id, batch_id in batch_of.items() if batch_id == each.subject]
                yield from _cancel(history, each, jobs)
            case "delete":
                if each.code == "not_finished" and history.known_end(each.subject, each.began):
                    yield f"{each.subject} had ended, and could not be deleted"
    yield from _uncalled_for(history)
    yield from _back_again(history)


def _cancel(history: History, each: Changed, job_ids: list[str]) -> Iterator[str]:
    for job_id in job_ids:
        end = history.ends.get(job_id)
        if each.status == 200 and each.action == "cancel" and end and end.type != "job.cancelled":
            yield f"{job_id} was cancelled, says the answer, and has the event {end.type}"
        if each.status == 200 and each.action == "cancel" and history.known_end(job_id, each.began):
            yield f"{job_id} had ended, and was cancelled after that"
        if each.code == "already_finished" or (each.status == 200 and each.action == "cancel_batch"):
            ended_at = end.job.finished_at if end and end.job else None
            is_missing = history.final and end is None and not history.may_miss_events(job_id)
            if is_missing or (ended_at and ended_at > each.wall + _CLOCKS_S):
                yield f"{job_id} had ended, says the answer to {each.action}, and has not"


def _uncalled_for(history: History) -> Iterator[str]:
    """Nothing is cancelled or expires by itself within a run."""
    for job_id, events in history.job_events.items():
        for event in events:
            batch_id = event.job.batch_id if event.job else None
            asked = [*history.cancellations.get(job_id, ()), *history.cancellations.get(batch_id or "", ())]
            if event.type == "job.cancelled" and history.final and not asked:
                yield f"{job_id} was cancelled, and nobody asked for it"
            if event.type == "job.expired" and history.final and not history.deletion_was_asked(job_id):
                yield f"the result of {job_id} expired, and nobody deleted it"


def _back_again(history: History) -> Iterator[str]:
    gone: dict[str, float] = {}
    for each in history.of(Changed):
        if each.action == "delete" and each.status in (204, 404):
            gone.setdefault(each.subject, each.at)
            end, expired = history.ends.get(each.subject), history.job_events.get(each.subject, [])
            count = sum(event.type == "job.expired" for event in expired)
            is_known = history.final and end and not history.may_miss_events(each.subject)
            if is_known and end and count != (end.type == "job.succeeded"):
                yield f"{each.subject} was deleted, and its result expired {count} times"
    for read in history.of(JobRead):
        if read.status in (200, 304) and read.began > gone.get(read.job_id, float("inf")):
            yield f"{read.job_id} was deleted, and is there again"
    for listed in history.of(Listed):
        for job_id, _, _ in listed.jobs:
            if listed.began > gone.get(job_id, float("inf")):
                yield f"{job_id} was deleted, and is in a list again"
