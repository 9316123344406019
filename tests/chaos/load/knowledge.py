"""What the load knows of a tenant's jobs, to choose what it does next."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

from tests.chaos.observations import BatchSeen, EventSeen, Expected, JobSeen

TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
_RECENT = 200


@dataclass
class KnownJob:
    id: str
    expected: Expected
    nonce: str
    tags: tuple[str, ...] = ()
    has_key: bool = False
    """A job with an idempotency key is never deleted: the key would be forgotten with it."""
    status: str = "queued"
    version: int = 1
    is_deleted: bool = False
    """Whether its deletion was asked for."""


@dataclass
class Knowledge:
    jobs: dict[str, KnownJob] = field(default_factory=dict)
    batches: deque[str] = field(default_factory=lambda: deque(maxlen=_RECENT))
    unfinished: set[str] = field(default_factory=set)
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=_RECENT))
    _seen: dict[str, tuple[int, str]] = field(default_factory=dict)
    """The newest version of each job, and its status: events can come before the answer does."""

    def add(self, job: KnownJob) -> None:
        if job.id in self.jobs:
            return
        self.jobs[job.id] = job
        self.recent.append(job.id)
        self.unfinished.add(job.id)
        self._update(job)

    def learn(self, seen: JobSeen) -> None:
        """Takes over status and version, unless a later version is known."""
        if seen.version > self._seen.get(seen.id, (0, ""))[0]:
            self._seen[seen.id] = (seen.version, seen.status)
        if seen.id in self.jobs:
            self._update(self.jobs[seen.id])

    def _update(self, job: KnownJob) -> None:
        job.version, job.status = self._seen.get(job.id, (job.version, job.status))
        if job.status in TERMINAL:
            self.unfinished.discard(job.id)

    def learn_event(self, event: EventSeen) -> None:
        if event.job is not None:
            self.learn(event.job)

    def add_batch(self, batch: BatchSeen) -> None:
        if batch.id not in self.batches:
            self.batches.append(batch.id)

    def some_job(self, rng: random.Random, *statuses: str) -> KnownJob | None:
        """Returns a recent job with one of these statuses (none named: any), if there is one."""
        found = [
            job
            for job in map(self.jobs.__getitem__, self.recent)
            if not job.is_deleted and (not statuses or job.status in statuses)
        ]
        return rng.choice(found) if found else None

    def some_pdf(self, rng: random.Random) -> KnownJob | None:
        """Returns a recent job whose result is a PDF."""
        job = self.some_job(rng, "succeeded")
        return None if job is None or job.expected.is_picture or job.expected.fails else job
