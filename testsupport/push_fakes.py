"""In-memory stand-ins for the store and the limits that the notifier reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from jobs.core.errors.request import CursorExpired, JobNotFound
from jobs.core.errors.store import StoreUnavailable
from jobs.core.events import Cursor, Event
from jobs.core.job import Job
from jobs.store.events.event_log import EventPage
from testsupport.sample_events import make_event


class NoLimits:
    """Limits that refuse nobody."""

    def connect(self, tenant: str, client: object) -> bool:
        return True

    def disconnect(self, tenant: str, client: object) -> None:
        pass

    def subscribe(self, tenant: str) -> bool:
        return True

    def unsubscribe(self, tenant: str) -> None:
        pass

    async def run(self) -> None:
        pass

    async def release(self) -> None:
        pass


class Records:
    """Stands in for `JobStore` and `EventLog`: keeps jobs in memory and fails on demand."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.bodies: dict[str, list[bytes]] = {}
        self.reads: list[list[str]] = []
        self.failures = 0
        """How many of the next reads fail with StoreUnavailable."""
        self.log: list[Event] = []
        self.epoch = "k3f9"
        self.trimmed = 0
        """How many of the oldest events the log has lost."""
        self.pages: list[int] = []
        """The sequence after which each page of the log was read."""

    def put(self, job: Job) -> Job:
        self.jobs[job.id] = job
        return job

    async def get_many(self, tenant: str, job_ids: Sequence[str]) -> list[Job | None]:
        self.reads.append(list(job_ids))
        self._may_fail()
        return [
            job if (job := self.jobs.get(job_id)) is not None and job.tenant == tenant else None
            for job_id in job_ids
        ]

    async def of_job(self, tenant: str, job_id: str) -> list[bytes]:
        if job_id not in self.jobs:
            raise JobNotFound(job_id)
        return self.bodies.get(job_id, [])

    # --- the event log of the tenant ---

    def append(self, job: Job, version: int) -> Event:
        """Appends an event to the log and returns it, as the live event."""
        event = make_event(job, version)
        body = event.body.replace(b'"sequence":%d' % version, b'"sequence":%d' % (len(self.log) + 1))
        event = dataclasses.replace(event, sequence=len(self.log) + 1, body=body, epoch=self.epoch)
        self.log.append(event)
        return event

    async def head(self, tenant: str) -> Cursor:
        self._may_fail()
        return Cursor(self.epoch, len(self.log))

    async def page(self, tenant: str, after: Cursor | None, limit: int) -> EventPage:
        self._may_fail()
        head = Cursor(self.epoch, len(self.log))
        start = after.sequence if after else self.trimmed
        self.pages.append(start)
        if after is not None and (after.epoch != self.epoch or not self.trimmed <= start <= head.sequence):
            raise CursorExpired("gone", str(head))
        events = [event for event in self.log if event.sequence > start][:limit]
        end = Cursor(self.epoch, events[-1].sequence) if events else Cursor(self.epoch, start)
        return EventPage([event.body for event in events], end, has_more=end.sequence < head.sequence)

    def _may_fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("away")
