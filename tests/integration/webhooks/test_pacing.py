"""Fresh deliveries go before retries, failing receivers and large fan-outs, which go on, too."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from jobs.store import keys
from jobs.webhooks.credentials import Credentials
from jobs.webhooks.endpoint import Endpoint, EndpointConfig, EndpointStatus
from notifier.webhooks.exchange import Exchange
from notifier.webhooks.pacing import Pacer, PacingLimits
from testsupport.hooks import TENANT, Hooks, failing, faulty

LIMITS = PacingLimits()
PART = LIMITS.max_endpoints_at_once

Open = Callable[[Pacer], Awaitable[Hooks]]


@pytest.fixture
async def open_with(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens hooks that stand still in time, with a pacer of the test's choice."""
    opened: list[Hooks] = []

    async def open_with(pacer: Pacer) -> Hooks:
        opened.append(await Hooks.open(redis_url, tmp_path, scripted=True, virtual=True, pacer=pacer))
        return opened[-1]

    yield open_with
    for hooks in opened:
        await hooks.close()


@pytest.fixture
async def patient(open_with: Open) -> Hooks:
    """Work that stands back for priority deliveries is not released by time."""
    return await open_with(Pacer(PacingLimits(stand_back_s=30)))


async def endpoint_of_another_tenant(hooks: Hooks) -> Endpoint:
    config = EndpointConfig(url="https://other.test/", event_types=("*",))
    return await hooks.endpoints.create("other", config, Credentials.fresh())


async def large_fan_out(hooks: Hooks, extra: int = 1, **config: Any) -> int:
    """Makes endpoints enough that an event takes more than one part; returns how many."""
    for n in range(PART + extra):
        await hooks.endpoint(f"https://example.test/{n}", **config)
    return PART + extra


async def all_dispatched(hooks: Hooks) -> list[int]:
    """Returns the sizes of the parts dispatched since `watch`, up to the one that acknowledges."""
    sizes: list[int] = []
    while True:
        size, is_last = await hooks.dispatcher.dispatched.next()
        sizes.append(size)
        if is_last:
            return sizes


async def test_new_events_pass_a_backlog_of_retries_and_retries_get_their_share(clocked: Hooks) -> None:
    await clocked.endpoint(max_in_flight=4)
    clocked.sender.answers = faulty
    await clocked.events(40)
    await clocked.work()
    await clocked.pass_time(7_000)
    clocked.sender.answers = lambda request: Exchange(status=200)
    await clocked.events(12)
    first_tries = []
    for _ in range(4):
        for claim in (await clocked.queue.claim(4, 1000)).claims:
            first_tries.append(claim.faults == 0)
            await clocked.deliverer.deliver(claim)
    assert first_tries.count(True) == 12
    assert first_tries.count(False) == 4


async def test_late_deliveries_are_claimed_a_few_at_a_time_and_fresh_ones_at_once(clocked: Hooks) -> None:
    await clocked.endpoint("https://late.test/", event_types=("job.queued",))
    clocked.sender.answers = faulty
    await clocked.events(8)
    await clocked.work()
    await clocked.endpoint("https://fresh.test/", event_types=("job.scheduled",))
    await clocked.event(scheduled_at_ms=clocked.now_ms + 1)
    await clocked.dispatcher.dispatch_new()
    await clocked.pass_time(7_000)

    (fresh,) = (await clocked.queue.claim(100, 1000, 0)).claims
    assert (fresh.url, fresh.lane) == ("https://fresh.test/", "priority")
    assert await clocked.redis.zcard(keys.WEBHOOK_DUE) == 8, "what is due stays due"
    batch = await clocked.queue.claim(100, 1000, 3)
    assert [claim.lane for claim in batch.claims] == ["late"] * 3
    assert batch.next_due_ms == 0, "there is more"


async def test_a_large_fan_out_does_not_hold_up_another_event(
    clocked: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = await large_fan_out(clocked)
    blocked, go_on, dispatch = asyncio.Event(), asyncio.Event(), clocked.deliveries.dispatch

    async def wait_before_a_part(tenant: str, key: str, pending: Any, *, entry: bytes) -> int:
        if not entry:
            blocked.set()
            await go_on.wait()
        return await dispatch(tenant, key, pending, entry=entry)

    monkeypatch.setattr(clocked.deliveries, "dispatch", wait_before_a_part)
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    await blocked.wait()
    other = await endpoint_of_another_tenant(clocked)
    await clocked.event(tenant="other")
    await clocked.dispatcher.dispatch_new()
    await clocked.work()
    assert [request.url for request in clocked.sender.sent] == [other.config.url]
    clocked.dispatcher.dispatched.watch()
    go_on.set()
    await all_dispatched(clocked)
    await clocked.work()
    assert len(clocked.sender.sent) == 1 + count


async def test_a_large_fan_out_is_made_in_smaller_parts_beside_priority_deliveries(open_with: Open) -> None:
    hooks = await open_with(Pacer(PacingLimits(priority_expected_s=3600)))
    count = await large_fan_out(hooks)
    hooks.dispatcher.dispatched.watch()
    await hooks.events(1)
    assert await all_dispatched(hooks) == [PART, 1]

    await endpoint_of_another_tenant(hooks)
    await hooks.event(tenant="other")
    await hooks.dispatcher.dispatch_new()
    hooks.dispatcher.dispatched.watch()
    await hooks.events(1)
    sizes = await all_dispatched(hooks)
    assert sum(sizes) == count
    assert max(sizes) == LIMITS.max_endpoints_at_once_beside_priority


async def test_late_deliveries_stand_back_for_a_priority_delivery_but_not_for_ever(open_with: Open) -> None:
    now_s = 0.0
    hooks = await open_with(Pacer(PacingLimits(priority_expected_s=1e6, stand_back_s=3600), lambda: now_s))
    await hooks.endpoint()
    hooks.sender.answers = faulty
    await hooks.events(1)
    await hooks.work()
    await hooks.pass_time(7_000)
    hooks.deliverer.looked.watch()
    await hooks.deliverer.step()  # the retry: from here the late lane has a rest, which is over at once
    await hooks.deliverer.settled()

    hooks.deliverer.ring()
    await hooks.deliverer.step()
    await hooks.deliverer.step()
    now_s = 3601
    hooks.deliverer.ring()
    await hooks.deliverer.step()
    few = LIMITS.late_claims_per_look_beside_priority
    assert [plan.late_claims for plan, _ in hooks.deliverer.looked.emitted()] == [few, 0, few, few]


async def test_a_look_that_nobody_asked_for_waits_for_an_event_that_is_dispatched(patient: Hooks) -> None:
    await patient.endpoint()
    with patient.pacer.dispatching():
        step = asyncio.create_task(patient.deliverer.step())
        await patient.events(1)  # rings at its end
        await step
    await patient.deliverer.settled()
    assert len(patient.sender.sent) == 1, "the one look has found it"


async def test_outcomes_that_nobody_waits_for_let_priority_deliveries_pass_and_others_do_not(
    patient: Hooks,
) -> None:
    endpoint = await patient.endpoint()
    await patient.events(2)
    good, bad = (await patient.queue.claim(2, 1000)).claims
    with patient.pacer.dispatching():
        await patient.deliverer.deliver(good)
        patient.sender.answers = failing()
        failed = asyncio.create_task(patient.deliverer.deliver(bad))
        await patient.deliverer.step()
        assert {each.status for each in await patient.deliveries_to(endpoint)} == {"succeeded", "sending"}
    await failed
    assert {each.status for each in await patient.deliveries_to(endpoint)} == {"succeeded", "pending"}


async def test_parts_of_a_large_fan_out_let_priority_deliveries_pass(patient: Hooks) -> None:
    count = await large_fan_out(patient)
    await patient.event()
    patient.dispatcher.dispatched.watch()
    with patient.pacer.dispatching():
        await patient.dispatcher.dispatch_new()
        await patient.redis.ping()
        assert not await patient.redis.keys(keys.DELIVERY + "*")
    assert sum(await all_dispatched(patient)) == count


async def test_a_look_rests_after_moving_a_backlog_that_may_not_be_sent_yet(open_with: Open) -> None:
    ticks = itertools.count()
    hooks = await open_with(Pacer(PacingLimits(poll_s=60, late_rest_ratio=20), lambda: next(ticks) * 1.0))
    endpoint = await hooks.endpoint()
    hooks.sender.answers = faulty
    await hooks.events(2 * LIMITS.late_claims_per_look + 1)
    await hooks.work()
    await hooks.endpoints.change(
        TENANT, endpoint.id, lambda e: (replace(e, status=EndpointStatus.PAUSED), None)
    )
    await hooks.pass_time(7_000)
    hooks.deliverer.looked.watch()
    while (wait_s := await hooks.deliverer.step()) < 1:  # the rest of the looks before passes
        pass
    plan, batch = hooks.deliverer.looked.emitted()[-1]
    assert plan.late_claims > 0
    assert batch.claims == []
    assert wait_s >= 20
    assert await hooks.redis.zcard(keys.WEBHOOK_DUE) > 0, "the next look goes on"


async def test_the_doorbell_says_which_lane_has_something_to_claim(clocked: Hooks) -> None:
    await large_fan_out(clocked, event_types=("job.queued",))
    await clocked.event()
    clocked.dispatcher.dispatched.watch()
    await clocked.dispatcher.dispatch_new()
    await all_dispatched(clocked)
    assert await clocked.redis.lrange(keys.WEBHOOK_DOORBELL, 0, -1) == [b"priority"] + [b"normal"] * PART


async def test_parts_of_a_large_fan_out_do_not_take_the_priority_lane(clocked: Hooks) -> None:
    await large_fan_out(clocked, extra=5)
    await clocked.events(1)
    await endpoint_of_another_tenant(clocked)
    await clocked.event(tenant="other")
    await clocked.dispatcher.dispatch_new()
    urls = [claim.url for claim in (await clocked.queue.claim(16, 1000)).claims]
    assert "https://other.test/" in urls, "it passes those of the large fan-out"
