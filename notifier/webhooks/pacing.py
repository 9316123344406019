"""Decides how much a notifier begins at a time, and what stands back for fresh deliveries.

Deliveries wait in three lanes (`jobs.webhooks.delivery_queue.Lane`). The priority lane holds first
attempts for targets with nothing in flight: somebody waits for those. Everything else (retries,
failing receivers, the parts of a large fan-out) uses the time that the priority lane leaves. An
event that meets such work is delayed by one piece of it, so the pieces are small while priority
deliveries are expected, and none begins between an event and its request.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jobs.process.event_wait import is_set_within
from jobs.webhooks.delivery_queue import DeliveryBatch

_NO_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class PacingLimits:
    """The sizes and times that pace one notifier. Figures are those of `benchmarks.webhooks`.

    "Beside priority" means: while further priority deliveries are expected.
    """

    max_requests_in_flight: int = 1024
    """Requests in flight in one notifier. Its memory stayed flat over 100,000 deliveries."""
    claims_per_look: int = 48
    """Deliveries that one look at the queue claims, if no priority delivery is expected. With 24,
    the notifier and the store waited for each other in turn; that cost the most throughput."""
    claims_per_look_beside_priority: int = 8
    """Each request begun costs the event loop 0.2 ms, and a priority delivery waits behind all."""
    late_claims_per_look: int = 16
    """How many of those claims may be late. A hundred begun at once held the loop for 100 ms."""
    late_claims_per_look_beside_priority: int = 1
    """One at a time made the p99 beside a backlog 1.02 to 1.10 times that without; two at a time,
    1.21 to 1.32 times."""
    late_rest_ratio: float = 0.5
    """After late deliveries were claimed and begun, none are for this many times as long as that
    took. 0.5 sends 330 a second beside 115 fresh events a second, whose p99 is 1.10 to 1.16 times
    that without."""
    max_endpoints_at_once: int = 10
    """An event for more endpoints is a large fan-out and is dispatched in parts of this size. One
    part is one atomic step, which must not hold up the store."""
    max_endpoints_at_once_beside_priority: int = 3
    """The size of those parts beside priority: a fresh event waits for the part under way."""
    fan_out_rest_ratio: float = 2.0
    """After each part, none for this many times as long as it took. Deliveries are then made about
    as fast as they are sent: 10,000 within 8.5 s, another tenant's p99 at 0.90 to 1.21 times."""
    max_fan_outs_at_once: int = 4
    """Large fan-outs dispatched at the same time, beside the other events. One at a time, before
    the others, made every other tenant's event wait for 8 s."""
    priority_expected_s: float = 1.0
    """How long after a priority delivery further ones are expected."""
    stand_back_s: float = 0.01
    """The longest that other work stands back for one event. An event takes 2 to 4 ms from the
    outbox to its request (p99 3 to 5)."""
    deadline_s: float = 15.0
    """What a whole exchange may take: name lookup, connection, handshake, headers and body."""
    deadline_spread_ratio: float = 0.1
    """Up to this share of the deadline is added at random. Without it, hundreds of requests that
    hang since the same moment end in the same turns of the loop; the p99 beside them was 4 times
    that without."""
    drain_s: float = 17.0
    """How long a stopping notifier waits for its requests: every exchange has ended by then."""
    poll_s: float = 1.0
    """The longest time between two looks at the queue, in case a ring of the doorbell got lost."""
    reclaim_interval_s: float = 10.0
    """How often to look for references that another notifier has read and left."""
    sweep_interval_s: float = 10.0
    """How often to look for deliveries to remove."""
    sweep_pause_s: float = 0.02
    """The pause between the steps of a long sweep, for what is sent meanwhile."""


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    claims: int
    late_claims: int
    """How many of them may be of the late lane."""
    max_per_target: int
    """A target with this many requests in flight gets no more."""
    began_s: float
    """When it was made, by the pacer's clock."""


class Pacer:
    """Tells the dispatcher and the deliverer of one notifier what may begin now."""

    def __init__(
        self, limits: PacingLimits | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.limits = limits or PacingLimits()
        self._clock = clock
        self._expected_until_s = self._late_rests_until_s = -math.inf
        self._dispatching = self._arrived = self._claimed = 0
        self._look_is_due, self._lane_is_clear = asyncio.Event(), asyncio.Event()
        self._update()

    @property
    def is_priority_expected(self) -> bool:
        """A priority delivery arrived a short time ago, so more may follow."""
        return self._clock() < self._expected_until_s

    @property
    def is_priority_waiting(self) -> bool:
        """A priority delivery arrived, and no look at the queue has begun since."""
        return self._arrived > self._claimed

    @contextmanager
    def dispatching(self) -> Iterator[None]:
        """Spans the dispatch of an event from the outbox, which may bring priority deliveries."""
        self._dispatching += 1
        self._update()
        try:
            yield
        finally:
            self._dispatching -= 1
            self._update()

    def priority_arrived(self) -> None:
        self._arrived += 1
        self._expected_until_s = self._clock() + self.limits.priority_expected_s
        self._update()

    @contextmanager
    def claiming(self) -> Iterator[None]:
        """Spans one look at the queue, which takes what had arrived in the priority lane before."""
        arrived = self._arrived
        try:
            yield
        finally:
            self._claimed = arrived
            self._update()

    async def wait_for_dispatch(self) -> None:
        """Waits while an event is dispatched that the next look could take along."""
        await is_set_within(self._look_is_due, self.limits.stand_back_s)

    async def let_priority_pass(self) -> None:
        """Waits while an event is dispatched or a priority delivery waits to be claimed."""
        await is_set_within(self._lane_is_clear, self.limits.stand_back_s)

    def _update(self) -> None:
        _set_if(self._look_is_due, self.is_priority_waiting or not self._dispatching)
        _set_if(self._lane_is_clear, not self.is_priority_waiting and not self._dispatching)

    def plan_claim(self, in_flight: int) -> ClaimPlan | None:
        """Returns how much to claim beside `in_flight` requests; None if no more may begin."""
        limits, now_s, is_beside = self.limits, self._clock(), self.is_priority_expected
        free = limits.max_requests_in_flight - in_flight
        if free <= 0:
            return None
        claims = limits.claims_per_look_beside_priority if is_beside else limits.claims_per_look
        late = limits.late_claims_per_look_beside_priority if is_beside else limits.late_claims_per_look
        if now_s < self._late_rests_until_s + (limits.stand_back_s if self.is_priority_waiting else 0.0):
            late = 0
        return ClaimPlan(
            # A quarter of what is free: the next look decides about the rest, at the new load.
            claims=min(max(1, free // 4), claims),
            late_claims=late,
            max_per_target=self._max_per_target(in_flight),
            began_s=now_s,
        )

    def seconds_to_next_look(self, plan: ClaimPlan, batch: DeliveryBatch) -> float:
        """Returns how long to wait after a look that gave `batch`, unless the doorbell rings.

        Lets the late lane rest if the look cost time on it: it claimed late deliveries, or moved
        some that are due and left more.
        """
        now_s = self._clock()
        is_late = batch.next_due_ms == 0 or any(claim.lane == "late" for claim in batch.claims)
        if plan.late_claims and is_late:
            self._late_rests_until_s = now_s + self.limits.late_rest_ratio * (now_s - plan.began_s)
        if len(batch.claims) == plan.claims:
            return 0.0
        due_s = math.inf if batch.next_due_ms is None else (batch.next_due_ms + 1) / 1000
        return min(max(due_s, self._late_rests_until_s - now_s), self.limits.poll_s)

    def late_rest_s(self) -> float:
        return max(0.0, self._late_rests_until_s - self._clock())

    def _max_per_target(self, in_flight: int) -> int:
        """Gives each target less as the notifier fills: hanging ones must not take all slots."""
        load = in_flight / self.limits.max_requests_in_flight
        return _NO_LIMIT if load < 0.5 else 2 if load < 0.8 else 1

    def is_large_fan_out(self, endpoints: int) -> bool:
        return endpoints > self.limits.max_endpoints_at_once

    def fan_out_part(self) -> int:
        """Returns for how many endpoints the next part of a large fan-out is dispatched."""
        limits = self.limits
        beside = limits.max_endpoints_at_once_beside_priority
        return beside if self.is_priority_expected else limits.max_endpoints_at_once

    def deadline_s(self, chance: float) -> float:
        """Returns the deadline of one exchange. `chance` is a random number below 1."""
        return self.limits.deadline_s * (1 + self.limits.deadline_spread_ratio * chance)


def _set_if(event: asyncio.Event, is_so: bool) -> None:
    if is_so:
        event.set()
    else:
        event.clear()
