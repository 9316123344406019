"""Filters: which of a tenant's events a subscription receives."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from jobs.core.job import JobStatus

PROGRESS = "progress"
"""The name of progress in `types`. Progress is not an event."""


class Subject(NamedTuple):
    """The job or batch that an event is about, if any."""

    job_id: str | None = None
    batch_id: str | None = None
    kind: str | None = None
    tags: frozenset[str] = frozenset()
    is_running: bool = False

    @classmethod
    def of(cls, data: dict[str, Any]) -> Subject:
        job = data.get("job")
        if job is not None:
            return cls(
                job_id=job["id"],
                batch_id=job.get("batch_id"),
                kind=job.get("kind"),
                tags=frozenset(job.get("tags", ())),
                is_running=job["status"] == JobStatus.RUNNING,
            )
        batch = data.get("batch")
        return cls(batch_id=batch["id"]) if batch is not None else cls()


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on events: all that are set must hold, and one value of each is enough.

    `types` are names of events or patterns such as ``job.*``; ``progress`` stands for progress.
    """

    kinds: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    types: tuple[str, ...] = ()
    job_id: str | None = None
    batch_id: str | None = None

    def admits_type(self, type: str) -> bool:
        return not self.types or any(fnmatchcase(type, pattern) for pattern in self.types)

    def admits_subject(self, subject: Subject) -> bool:
        return (
            (not self.kinds or subject.kind in self.kinds)
            and (not self.tags or not self.tags.isdisjoint(subject.tags))
            and (self.job_id is None or subject.job_id == self.job_id)
            and (self.batch_id is None or subject.batch_id == self.batch_id)
        )

    def admits_progress(self, subject: Subject | None) -> bool:
        """Returns whether progress of a job passes.

        `subject` is the job as its last event showed it, or None if no event of it was seen yet.
        """
        if not self.admits_type(PROGRESS):
            return False
        if subject is None:
            return not (self.kinds or self.tags or self.job_id or self.batch_id)
        return subject.is_running and self.admits_subject(subject)


EVERYTHING = Filter()
