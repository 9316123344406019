"""Accepted means durable: what was accepted is in the log and in lists, and found by its id, until
somebody deletes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.chaos.observations import Asked, BatchRead, Changed, Downloaded, JobRead, Listed
from tests.chaos.promises.history import History


def broken(history: History) -> Iterator[str]:
    if history.final:
        for job_id, asked in history.accepted.items():
            if job_id not in history.log_jobs(asked.tenant) and not history.holes.get(asked.tenant):
                yield f"{job_id} was accepted, and is not in the log of {asked.tenant}"
    yield from _not_found(history)
    for listed in history.of(Listed):
        yield from _wrong_list(history, listed)


def _not_found(history: History) -> Iterator[str]:
    looks: list[tuple[str, Asked]] = [(each.job_id, each) for each in history.of(JobRead)]
    looks += [(each.job_id, each) for each in history.of(Downloaded)]
    looks += [(each.subject, each) for each in history.of(Changed)]
    for job_id, each in looks:
        if each.status != 404:
            continue
        # Also by this request: a process that lost the answer of the store deletes it again.
        if not history.deletion_was_asked(job_id, before=each.at):
            yield f"{job_id} was not found, and nobody had deleted it"
    for read in history.of(BatchRead):
        if read.status == 404:
            yield f"{read.batch_id} was not found"


def _wrong_list(history: History, listed: Listed) -> Iterator[str]:
    counts = Counter(job_id for job_id, _, _ in listed.jobs)
    settled = history.moment("settled")
    if settled is None or listed.began < settled:
        return  # a job that changes its status meanwhile may be on two pages, or on none
    for job_id, count in counts.items():
        if count > 1:
            yield f"a list of {listed.tenant} has {job_id} {count} times"
    wanted = {
        job_id
        for job_id, end in history.ends.items()
        if history.tenants[job_id] == listed.tenant and end.job is not None
        if listed.filters.get("status", end.job.status) == end.job.status
        if listed.filters.get("tag") in (None, *end.job.tags)
    }
    optional = {job_id for job_id in wanted if history.deletion_was_asked(job_id)}
    gone = {job_id for job_id in optional if any(each.status == 204 for each in history.deletions[job_id])}
    for job_id in sorted(wanted - optional - counts.keys()):
        yield f"a list of {listed.tenant} by {listed.filters} misses {job_id}"
    if history.holes.get(listed.tenant):
        return  # the ends of some jobs are not known
    for job_id in sorted(counts.keys() - (wanted - gone)):
        yield f"a list of {listed.tenant} by {listed.filters} has {job_id}"
