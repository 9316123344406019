"""How long a job waits for its turn beside those of other tenants.

A simulation: claims and the queue are real, and so is the decision what to prefetch. Runs only take
simulated time. A worker looks at the queue when a slot is free, a job comes or a renewal is due.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.core.job import Claim
from jobs.worker.prefetch import Prefetch
from jobs.worker.run_lengths import RunLengths
from jobs.worker.timing import WorkerTiming
from testsupport.core import Core

TIMING = WorkerTiming()
REACTION_S = 0.01
"""How long a client that waits for a job takes to submit the next."""


@dataclass
class Simulation:
    """Jobs whose runs take a known time, and one worker."""

    core: Core
    slots: int
    now_s: float = 0.0
    waits_s: dict[str, list[float]] = field(default_factory=dict)
    """How long each job of a tenant waited, in the order of their starts."""

    def __post_init__(self) -> None:
        self._runs = RunLengths(self.slots, TIMING)
        self._prefetch = Prefetch(self.slots, self._runs, TIMING)
        self._busy = 0
        self._jobs: dict[str, tuple[float, float]] = {}
        """Of each job: when it was submitted, and how long its run takes."""
        self._unfinished: dict[str, int] = {}
        self._one_by_one: dict[str, deque[float]] = {}
        self._agenda: list[tuple[float, int, Callable[..., Any], tuple[Any, ...]]] = []
        self._ids = itertools.count()

    def submit(self, at_s: float, tenant: str, *runs_s: float) -> None:
        """Jobs of the tenant come at this time."""
        for run_s in runs_s:
            self._at(at_s, self._arrive, tenant, run_s)

    def submit_one_by_one(self, at_s: float, tenant: str, *runs_s: float) -> None:
        """The first job comes at this time, and each other one when the one before has ended."""
        self._one_by_one[tenant] = deque(runs_s[1:])
        self.submit(at_s, tenant, runs_s[0])

    async def run(self) -> None:
        """Lets time pass until every job has ended."""
        self._at(TIMING.renew_interval_s, self._renew)
        while self._agenda:
            self.now_s, _, step, arguments = heapq.heappop(self._agenda)
            await step(*arguments)
            await self._look()

    def _at(self, at_s: float, step: Callable[..., Any], *arguments: Any) -> None:
        heapq.heappush(self._agenda, (at_s, next(self._ids), step, arguments))

    async def _arrive(self, tenant: str, run_s: float) -> None:
        job = await self.core.submit(tenant=tenant)
        self._jobs[job.id] = (self.now_s, run_s)

    async def _renew(self) -> None:
        if self._agenda or self._prefetch.claims:
            self._at(self.now_s + TIMING.renew_interval_s, self._renew)
        await self.core.queue.hand_back(self._prefetch.take_stale(self.now_s))

    async def _look(self) -> None:
        self._fill_slots()
        await self.core.queue.hand_back(self._prefetch.take_stale(self.now_s))
        while want := self.slots - self._busy or self._prefetch.room:
            claims = (await self.core.queue.claim(want)).claims
            for claim in claims:
                if self._busy < self.slots:
                    self._begin(claim)
                else:
                    self._prefetch.put(claim, self.now_s)
            if len(claims) < want:
                break

    def _fill_slots(self) -> None:
        while self._busy < self.slots and (claim := self._prefetch.take(self.now_s)):
            self._begin(claim)

    def _begin(self, claim: Claim) -> None:
        self._busy += 1
        submitted_s, run_s = self._jobs[claim.job_id]
        self.waits_s.setdefault(claim.tenant, []).append(self.now_s - submitted_s)
        self._at(self.now_s + run_s, self._end, claim.tenant, run_s)

    async def _end(self, tenant: str, run_s: float) -> None:
        self._busy -= 1
        self._runs.add(run_s)
        if left := self._one_by_one.get(tenant):
            self.submit(self.now_s + REACTION_S, tenant, left.popleft())


def bound_s(slots: int, tenants: int, longest_s: float) -> float:
    """Returns how long the first job in the queue of a tenant waits at most.

    While it waits, each other tenant gets one turn at most (`claim.lua`). So of the jobs that begin
    before it, at most `tenants` - 1 are claimed in this time. The worker held the others already,
    and begins none of them later than `hold_s` after it came. Say it has not begun `hold_s` +
    n × `longest_s` after it came, with n = 1 + floor((tenants - 1) / slots). No slot was idle, and
    no run takes longer than `longest_s`. So after `hold_s`, each slot began n runs, all of them of
    jobs claimed in this time. That makes n × slots > tenants - 1 of them: a contradiction.
    """
    return TIMING.hold_s + longest_s * (1 + math.floor((tenants - 1) / slots))


async def test_one_job_at_a_time_waits_for_one_long_run_of_another_tenant(core: Core) -> None:
    simulation = Simulation(core, slots=1)
    simulation.submit(0, "heavy", *[8.0] * 6)
    simulation.submit_one_by_one(0.5, "small", 0.1, 0.1, 0.1)
    await simulation.run()
    assert simulation.waits_s["small"] == pytest.approx([7.5, 7.99, 7.99])


async def test_jobs_that_come_together_wait_for_one_long_run_each(core: Core) -> None:
    simulation = Simulation(core, slots=1)
    simulation.submit(0, "heavy", *[8.0] * 6)
    simulation.submit(0.5, "small", 0.1, 0.1, 0.1)
    await simulation.run()
    assert simulation.waits_s["small"] == pytest.approx([7.5, 15.6, 23.7])


async def test_a_job_is_not_passed_by_long_runs_that_were_prefetched_as_short_ones(core: Core) -> None:
    simulation = Simulation(core, slots=1)
    simulation.submit(0, "heavy", *[0.02] * 20, *[8.0] * 20)
    simulation.submit(0.41, "small", 0.02)
    await simulation.run()
    assert simulation.waits_s["small"] == pytest.approx([7.99])


async def test_long_runs_that_were_prefetched_do_not_begin_once_runs_are_long(core: Core) -> None:
    simulation = Simulation(core, slots=1)
    simulation.submit(0, "heavy", *[0.2] * 10, 0.6, 8.0, 8.0)
    simulation.submit(2.1, "small", 0.1)
    await simulation.run()
    assert simulation.waits_s["small"] == pytest.approx([0.5])


async def test_a_job_that_was_prefetched_behind_a_long_run_is_the_next(core: Core) -> None:
    simulation = Simulation(core, slots=1)
    simulation.submit(0, "heavy", *[0.1] * 10, 8.0, 8.0)
    simulation.submit(0.95, "small", 0.1)
    simulation.submit(1.2, "heavy", 8.0, 8.0)
    await simulation.run()
    assert simulation.waits_s["small"] == pytest.approx([8.05])


async def test_a_tenant_that_sends_one_job_at_a_time_gets_no_more_turns_than_others(core: Core) -> None:
    simulation = Simulation(core, slots=1)
    for tenant in "abc":
        simulation.submit(0, tenant, *[1.0] * 8)
    simulation.submit_one_by_one(0.5, "one", *[1.0] * 6)
    await simulation.run()
    assert simulation.waits_s["one"] == pytest.approx([2.5, 2.99, 2.99, 2.99, 2.99, 2.99])


lengths_s = st.sampled_from([0.02, 0.1, 0.3, 1.0, 8.0])
"""Short runs, which are prefetched, and long ones."""


@given(
    slots=st.integers(1, 3),
    backlogs=st.lists(
        st.tuples(st.sampled_from([0.0, 0.3, 2.0]), st.lists(lengths_s, min_size=5, max_size=15)),
        min_size=1,
        max_size=4,
    ),
    singles=st.lists(
        st.tuples(st.floats(0, 10), st.lists(lengths_s, min_size=1, max_size=4)), min_size=1, max_size=3
    ),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_job_waits_longer_than_the_bound(
    redis_url: str,
    slots: int,
    backlogs: list[tuple[float, list[float]]],
    singles: list[tuple[float, list[float]]],
) -> None:
    async def simulate() -> None:
        with tempfile.TemporaryDirectory() as directory:
            core = Core.open(redis_url, Path(directory))
            await core.redis.flushdb()
            simulation = Simulation(core, slots)
            for n, (at_s, runs_s) in enumerate(backlogs):
                simulation.submit(at_s, f"backlog{n}", *runs_s)
            for n, (at_s, runs_s) in enumerate(singles):
                simulation.submit_one_by_one(at_s, f"single{n}", *runs_s)
            await simulation.run()
            await core.redis.aclose()
        every = [run_s for _, runs_s in backlogs + singles for run_s in runs_s]
        most_s = bound_s(slots, len(backlogs) + len(singles), max(every))
        for n, (_, runs_s) in enumerate(singles):
            waits_s = simulation.waits_s[f"single{n}"]
            assert len(waits_s) == len(runs_s)
            assert max(waits_s) <= most_s + 1e-6

    asyncio.run(simulate())
