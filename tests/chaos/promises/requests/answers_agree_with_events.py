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
        events = history.job_events.get(read.job_id, [])
        if job.version <= len(events) and events[job.version - 1].job != job:
            yield f"{read.job_id} was read as version {job.version}, {job.status}, unlike its event"
        if history.final and job.version > len(events):
            yield f"{read.job_id} was read as version {job.version}, of which there is no event"
        known = history.known_version(read.job_id, read.began)
        if job.version < known:
            yield f"{read.job_id} was read as version {job.version} after {known}"
    for listed in history.of(Listed):
        for job_id, status, version in listed.jobs:
            known = history.known_version(job_id, listed.began)
            events = history.job_events.get(job_id, [])
            if version < known:
                yield f"{job_id} was listed as version {version} after {known}"
            if (
                version <= len(events)
                and events[version - 1].job
                and events[version - 1].job.status != status
            ):
                yield f"{job_id} was listed as {status} in version {version}, unlike its event"
