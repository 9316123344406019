"""Every look at a job shows a version that its events show, and no version that is older than one
seen before."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.observations import JobRead, Listed
from tests.chaos.promises.history import History


def broken(history: History) -> Iterator[str]:
    for read in history.of(JobRead):
        job = read.job
        if job is None:
            continue
        event = history.event_of(read.job_id, job.version)
        if event is not None and event.job != job:
            yield f"{read.job_id} was read as version {job.version}, {job.status}, unlike its event"
        if history.final and event is None and not history.may_miss_events(read.job_id):
            yield f"{read.job_id} was read as version {job.version}, of which there is no event"
        known = history.known_version(read.job_id, read.began)
        if job.version < known:
            yield f"{read.job_id} was read as version {job.version} after {known}"
    for listed in history.of(Listed):
        for job_id, status, version in listed.jobs:
            known = history.known_version(job_id, listed.began)
            event = history.event_of(job_id, version)
            if version < known:
                yield f"{job_id} was listed as version {version} after {known}"
            if event is not None and event.job is not None and event.job.status != status:
                yield f"{job_id} was listed as {status} in version {version}, unlike its event"
