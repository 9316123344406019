from __future__ import annotations

import asyncio

import pytest

from jobs.webhooks.delivery_queue import DeliveryBatch, DeliveryClaim, Lane
from notifier.webhooks.pacing import Pacer, PacingLimits

LIMITS = PacingLimits()


class Clock:
    """Time that a test moves, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pacer(clock: Clock) -> Pacer:
    """Nobody is released by time."""
    return Pacer(PacingLimits(stand_back_s=30), clock)


def batch_of(*lanes: Lane, next_due_ms: int | None = None) -> DeliveryBatch:
    claims = [
        DeliveryClaim(
            b"{}", "whd_1", 1, "we_1", "acme", "evt_1", "job.queued", 0, 0, 0, 0, "", "", False, lane, 0
        )
        for lane in lanes
    ]
    return DeliveryBatch(claims, next_due_ms, [])


# --- the priority lane ----------------------------------------------------------------------------


def test_priority_deliveries_are_expected_for_a_while_after_one_arrived(clock: Clock) -> None:
    pacer = Pacer(LIMITS, clock)
    assert not pacer.is_priority_expected

    pacer.priority_arrived()
    clock.now_s += LIMITS.priority_expected_s / 2
    assert pacer.is_priority_expected

    pacer.priority_arrived()
    clock.now_s += LIMITS.priority_expected_s * 0.9
    assert pacer.is_priority_expected
    clock.now_s += LIMITS.priority_expected_s * 0.2
    assert not pacer.is_priority_expected


async def test_other_work_goes_on_when_the_priority_delivery_has_been_claimed(pacer: Pacer) -> None:
    await pacer.let_priority_pass()
    with pacer.dispatching():
        standing_back = asyncio.create_task(pacer.let_priority_pass())
        looking = asyncio.create_task(pacer.wait_for_dispatch())
        await asyncio.sleep(0)
        assert not looking.done()
        pacer.priority_arrived()
        await looking
    await asyncio.sleep(0)
    assert not standing_back.done(), "the delivery was not claimed yet"
    with pacer.claiming():
        pass
    await standing_back
    await pacer.wait_for_dispatch()


async def test_an_event_that_brings_no_priority_delivery_releases_other_work_at_once(pacer: Pacer) -> None:
    with pacer.dispatching():
        waiting = asyncio.gather(pacer.let_priority_pass(), pacer.wait_for_dispatch())
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def test_a_delivery_that_arrives_during_a_look_waits_for_the_next_one(pacer: Pacer) -> None:
    pacer.priority_arrived()
    with pacer.claiming():
        pacer.priority_arrived()
    assert pacer.is_priority_waiting
    with pacer.claiming():
        pass
    assert not pacer.is_priority_waiting


async def test_nothing_stands_back_for_ever() -> None:
    pacer = Pacer(PacingLimits(stand_back_s=0.001))
    pacer.priority_arrived()
    with pacer.dispatching():
        await pacer.let_priority_pass()
    with pacer.claiming():
        pass
    with pacer.dispatching():
        await pacer.wait_for_dispatch()


# --- looks at the queue ---------------------------------------------------------------------------


def test_a_look_claims_less_beside_priority_deliveries_and_only_a_few_late_ones(pacer: Pacer) -> None:
    plan = pacer.plan_claim(0)
    assert plan is not None
    assert (plan.claims, plan.late_claims) == (LIMITS.claims_per_look, LIMITS.late_claims_per_look)
    pacer.priority_arrived()
    plan = pacer.plan_claim(0)
    assert plan is not None
    assert (plan.claims, plan.late_claims) == (
        LIMITS.claims_per_look_beside_priority,
        LIMITS.late_claims_per_look_beside_priority,
    )


@pytest.mark.parametrize(
    ("in_flight", "claims", "per_target"),
    [(0, 16, 1_000), (31, 8, 1_000), (32, 8, 2), (52, 3, 1), (63, 1, 1)],
)
def test_a_full_notifier_claims_a_quarter_of_what_is_free_and_less_for_each_target(
    in_flight: int, claims: int, per_target: int
) -> None:
    plan = Pacer(PacingLimits(max_requests_in_flight=64)).plan_claim(in_flight)
    assert plan is not None
    assert plan.claims == claims
    assert min(plan.max_per_target, 1_000) == per_target


@pytest.mark.parametrize("in_flight", [64, 65])
def test_nothing_is_claimed_when_every_slot_is_taken(in_flight: int) -> None:
    assert Pacer(PacingLimits(max_requests_in_flight=64)).plan_claim(in_flight) is None


@pytest.mark.parametrize("batch", [batch_of("late"), batch_of("priority", "late"), batch_of(next_due_ms=0)])
def test_the_late_lane_rests_in_proportion_to_what_it_cost(
    pacer: Pacer, clock: Clock, batch: DeliveryBatch
) -> None:
    plan = pacer.plan_claim(0)
    assert plan is not None
    clock.now_s += 0.5
    assert pacer.seconds_to_next_look(plan, batch) == pytest.approx(
        0.25 if batch.next_due_ms == 0 else LIMITS.poll_s
    )
    assert pacer.late_rest_s() == pytest.approx(0.25)
    resting = pacer.plan_claim(0)
    assert resting is not None
    assert resting.late_claims == 0
    clock.now_s += 0.26
    rested = pacer.plan_claim(0)
    assert rested is not None
    assert rested.late_claims == LIMITS.late_claims_per_look


def test_the_late_lane_does_not_rest_for_what_others_cost(pacer: Pacer, clock: Clock) -> None:
    plan = pacer.plan_claim(0)
    assert plan is not None
    clock.now_s += 0.5
    pacer.seconds_to_next_look(plan, batch_of("priority", "normal", next_due_ms=5))
    assert pacer.late_rest_s() == 0


def test_the_late_lane_stands_back_for_a_waiting_priority_delivery_but_not_for_ever(clock: Clock) -> None:
    pacer = Pacer(PacingLimits(priority_expected_s=1e6), clock)
    plan = pacer.plan_claim(0)
    assert plan is not None
    pacer.seconds_to_next_look(plan, batch_of("late"))  # took no time: its rest is over at once
    pacer.priority_arrived()

    def late_claims() -> int:
        plan = pacer.plan_claim(0)
        assert plan is not None
        return plan.late_claims

    assert late_claims() == 0
    clock.now_s += LIMITS.stand_back_s
    assert late_claims() == LIMITS.late_claims_per_look_beside_priority


@pytest.mark.parametrize(
    ("batch", "wait_s"),
    [
        (batch_of(*["priority"] * LIMITS.claims_per_look), 0.0),
        (batch_of("priority"), LIMITS.poll_s),
        (batch_of(next_due_ms=99), 0.1),
        (batch_of(next_due_ms=3_600_000), LIMITS.poll_s),
    ],
)
def test_the_next_look_comes_when_something_is_due(pacer: Pacer, batch: DeliveryBatch, wait_s: float) -> None:
    plan = pacer.plan_claim(0)
    assert plan is not None
    assert pacer.seconds_to_next_look(plan, batch) == pytest.approx(wait_s)


# --- large fan-outs and requests ------------------------------------------------------------------


def test_a_large_fan_out_is_made_in_parts_that_are_smaller_beside_priority_deliveries(pacer: Pacer) -> None:
    assert not pacer.is_large_fan_out(LIMITS.max_endpoints_at_once)
    assert pacer.is_large_fan_out(LIMITS.max_endpoints_at_once + 1)
    assert pacer.fan_out_part() == LIMITS.max_endpoints_at_once
    pacer.priority_arrived()
    assert pacer.fan_out_part() == LIMITS.max_endpoints_at_once_beside_priority


def test_every_exchange_has_ended_when_a_drain_does(pacer: Pacer) -> None:
    assert pacer.deadline_s(0.0) == LIMITS.deadline_s
    assert LIMITS.deadline_s < pacer.deadline_s(0.999) < LIMITS.drain_s
