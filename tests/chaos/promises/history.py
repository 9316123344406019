"""The observations of a run, in the forms in which promises look at them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TypeVar

from tests.chaos.observations import (
    Changed,
    EventSeen,
    Expected,
    JobRead,
    Listed,
    LogRead,
    Moment,
    Observation,
    Received,
    Submitted,
)

O = TypeVar("O", bound=Observation)  # noqa: E741 (of Observation)
TERMINAL = frozenset({"succeeded", "failed", "cancelled"})


class History:
    def __init__(self, observations: Iterable[Observation], *, final: bool = True) -> None:
        """`final` says that the run is over: what has not been seen did not happen."""
        self.final = final
        self._seen: dict[type[Observation], list[Observation]] = defaultdict(list)
        self.all: list[Observation] = []
        for each in observations:
            self._seen[type(each)].append(each)
            self.all.append(each)

    def of(self, kind: type[O]) -> list[O]:
        """Returns the observations of one type, in the order in which they were made."""
        return self._seen[kind]  # type: ignore[return-value]

    def moment(self, name: str) -> float | None:
        """Returns when this turn of the run was, on the monotonic clock."""
        return next((each.at for each in self.of(Moment) if each.name == name), None)

    @cached_property
    def log(self) -> Mapping[str, Mapping[tuple[str, int], EventSeen]]:
        """The events of each tenant's log by epoch and sequence, in this order."""
        found: dict[str, dict[tuple[str, int], EventSeen]] = defaultdict(dict)
        for page in self.of(LogRead):
            for event in page.events:
                found[page.tenant].setdefault((event.epoch, event.sequence), event)
        return {tenant: dict(sorted(events.items())) for tenant, events in found.items()}

    @cached_property
    def job_events(self) -> Mapping[str, list[EventSeen]]:
        """The events of each job, by sequence."""
        found: dict[str, list[EventSeen]] = defaultdict(list)
        for events in self.log.values():
            for event in events.values():
                if event.job is not None:
                    found[event.job.id].append(event)
        return found

    def event_of(self, job_id: str, version: int) -> EventSeen | None:
        """Returns the event that made this version of a job, if it was seen."""
        return self._events_by_version.get((job_id, version))

    @cached_property
    def _events_by_version(self) -> Mapping[tuple[str, int], EventSeen]:
        return {
            (job_id, event.job.version): event
            for job_id, events in self.job_events.items()
            for event in events
            if event.job is not None
        }

    @cached_property
    def _first_kept(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for page in self.of(LogRead):
            if page.is_last and page.events:
                found.setdefault(page.tenant, page.events[0].sequence)
        return found

    def first_kept(self, tenant: str) -> int:
        """Returns the first event that the tenant's log had at the end. A full store makes room by
        removing older ones."""
        return self._first_kept.get(tenant, 1)

    @cached_property
    def holes(self) -> Mapping[str, list[int]]:
        """By tenant, the sequences that no page of the log has, up to the last that one has."""
        return {
            tenant: sorted(set(range(1, last + 1)) - {sequence for _, sequence in events})
            for tenant, events in self.log.items()
            for last in [max((sequence for _, sequence in events), default=0)]
        }

    def may_miss_events(self, job_id: str) -> bool:
        """Whether events of the job may have been removed from the log before anybody read them."""
        return bool(self.holes.get(self.tenants.get(job_id, "")))

    @cached_property
    def tenants(self) -> Mapping[str, str]:
        """The tenant in whose log, or to whose request, each job appeared."""
        found = {job_id: each.tenant for each in self.of(Submitted) for job_id in each.job_ids}
        for tenant, events in self.log.items():
            found.update({event.job.id: tenant for event in events.values() if event.job is not None})
        return found

    @cached_property
    def _log_jobs(self) -> Mapping[str, set[str]]:
        return {
            tenant: {event.job.id for event in events.values() if event.job is not None}
            for tenant, events in self.log.items()
        }

    def log_jobs(self, tenant: str) -> set[str]:
        """Returns the jobs of which the tenant's log has events."""
        return self._log_jobs.get(tenant, set())

    @cached_property
    def ends(self) -> Mapping[str, EventSeen]:
        """The first terminal event of each job."""
        return {
            job_id: next(event for event in events if is_end(event))
            for job_id, events in self.job_events.items()
            if any(map(is_end, events))
        }

    @cached_property
    def accepted(self) -> Mapping[str, Submitted]:
        """By job, the first answer that says that it was accepted."""
        found: dict[str, Submitted] = {}
        for each in self.of(Submitted):
            for job_id in each.job_ids:
                found.setdefault(job_id, each)
        return found

    @cached_property
    def expected(self) -> Mapping[str, Expected]:
        """By job, what its result must be: from the answer that names it, else by its nonce."""
        found = {
            job_id: expected
            for each in self.of(Submitted)
            for job_id, expected in zip(each.job_ids, each.expected, strict=False)  # none, if refused
        }
        by_nonce = {
            f"{each.nonce}.{number}" if each.route == "batches" else each.nonce: expected
            for each in self.of(Submitted)
            for number, expected in enumerate(each.expected)
        }
        for job_id, events in self.job_events.items():
            for event in events:
                if event.job is not None and event.job.nonce in by_nonce:
                    found.setdefault(job_id, by_nonce[event.job.nonce])
        return found

    @cached_property
    def deletions(self) -> Mapping[str, list[Changed]]:
        """By job, the requests to delete it."""
        return self._changes("delete")

    @cached_property
    def cancellations(self) -> Mapping[str, list[Changed]]:
        """By job or batch, the requests to cancel it."""
        found = dict(self._changes("cancel"))
        found.update(self._changes("cancel_batch"))
        return found

    def _changes(self, action: str) -> Mapping[str, list[Changed]]:
        found: dict[str, list[Changed]] = defaultdict(list)
        for each in self.of(Changed):
            if each.action == action:
                found[each.subject].append(each)
        return found

    def deletion_was_asked(self, job_id: str, before: float = float("inf")) -> bool:
        return any(each.began < before for each in self.deletions.get(job_id, ()))

    @cached_property
    def _versions(self) -> Mapping[str, list[tuple[float, int, str]]]:
        found: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
        for read in self.of(JobRead):
            if read.job is not None:
                found[read.job_id].append((read.at, read.job.version, read.job.status))
        for listed in self.of(Listed):
            for job_id, status, version in listed.jobs:
                found[job_id].append((listed.at, version, status))
        for received in self.of(Received):
            if received.version is not None:
                found[job_of(received.id)].append((received.at, received.version, ""))
        for versions in found.values():
            versions.sort()
        return found

    def known_version(self, job_id: str, at: float) -> int:
        """Returns the newest version of a job that any client had seen before `at`; 0 for none."""
        return max((version for seen, version, _ in self._versions.get(job_id, ()) if seen < at), default=0)

    def known_end(self, job_id: str, at: float = float("inf")) -> str | None:
        """Returns the terminal status that any client had seen before `at`, if one had."""
        statuses = (status for seen, _, status in self._versions.get(job_id, ()) if seen < at)
        return next((status for status in statuses if status in TERMINAL), None)


def is_end(event: EventSeen) -> bool:
    """Whether a job ended with this event."""
    return event.type in ("job.succeeded", "job.failed", "job.cancelled")


def job_of(event_id: str) -> str:
    """Returns the id of the job that an event is about: `evt_X_3` is about `job_X`."""
    return "job_" + event_id.split("_")[1]
