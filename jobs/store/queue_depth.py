"""Tells how many jobs wait, and for how long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.core.job import Priority
from jobs.store.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Waiting:
    """The queued jobs of one kind and priority."""

    kind: str
    priority: Priority
    jobs: int
    oldest_s: float
    """How long the one that was queued first has waited; 0 if there is none."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    delayed: int
    """Jobs that are scheduled or retrying."""
    claimed: int
    """Jobs that workers run or are about to run."""
    waiting: list[Waiting]


async def read_queue_depth(scripts: Scripts, kinds: Iterable[str]) -> QueueDepth:
    """Asks the store about jobs of these kinds. Raises StoreUnavailable."""
    groups = [(kind, priority) for kind in kinds for priority in Priority]
    rows = [{"kind": kind, "priority": priority} for kind, priority in groups]
    delayed, claimed, answers = await scripts.call("depth", rows=rows)
    waiting = [
        Waiting(kind, priority, jobs, max(0, oldest_ms) / 1000)
        for (kind, priority), (jobs, oldest_ms) in zip(groups, answers, strict=True)
    ]
    return QueueDepth(delayed, claimed, waiting)
