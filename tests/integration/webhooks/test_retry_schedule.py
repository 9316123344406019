"""The life of a delivery under a virtual clock: days pass in milliseconds."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from api.webhooks.replay import replay
from jobs.store import keys
from jobs.store.events.event_log import EventLog
from jobs.webhooks.delivery import DeliveryStatus
from jobs.webhooks.endpoint import EndpointStatus
from notifier.webhooks import retry_schedule as schedule
from notifier.webhooks.exchange import Exchange
from testsupport.hooks import TENANT, Hooks, failing, faulty

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


async def next_due(hooks: Hooks) -> float | None:
    """Milliseconds until the next retry or the end of the next hold."""
    at = [
        score
        for key in (keys.WEBHOOK_DUE, keys.WEBHOOK_WAKE)
        for _, score in await hooks.redis.zrange(key, 0, 0, withscores=True)
    ]
    return min(at) - hooks.now_ms if at else None


async def pass_until(hooks: Hooks, ms: float) -> None:
    """Lets the time pass, and everything happen that is due meanwhile."""
    end_ms = hooks.now_ms + ms
    while (due := await next_due(hooks)) is not None and hooks.now_ms + due <= end_ms:
        await hooks.pass_time(max(due, 1))
        await hooks.work()
    await hooks.set_clock(round(end_ms))
    await hooks.work()


async def test_a_receiver_that_always_fails_gets_ten_attempts_in_75_hours(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    clocked.sender.answers = failing()
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    start_ms = clocked.now_ms

    await clocked.work()
    times = [0]
    while (due := await next_due(clocked)) is not None:
        await clocked.pass_time(max(due, 1))
        before = len(clocked.sender.sent)
        await clocked.work()
        times += [clocked.now_ms - start_ms] * (len(clocked.sender.sent) - before)

    assert len(times) == 10
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    for gap, planned in zip(gaps, schedule.DELAYS_MS[1:], strict=True):
        assert planned <= gap <= planned * (1 + schedule.JITTER) + schedule.LONGEST_HOLD_MS * 1.25
    (delivery,) = await clocked.deliveries_to(endpoint)
    assert delivery.status is DeliveryStatus.EXHAUSTED
    assert len(delivery.attempts) == 10
    assert len({request.headers["webhook-id"] for request in clocked.sender.sent}) == 1
    assert (await clocked.endpoints.get(TENANT, endpoint.id)).status is EndpointStatus.ENABLED


async def test_a_delivery_that_is_given_up_is_an_event_that_no_endpoint_is_told(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    clocked.sender.answers = failing()
    await clocked.events(1)
    await clocked.work()
    await pass_until(clocked, 4 * DAY_MS)
    (delivery,) = await clocked.deliveries_to(endpoint)
    (told,) = await clocked.logged("webhook_delivery.exhausted")
    assert told["webhook_delivery"] == {
        "id": delivery.id,
        "endpoint_id": endpoint.id,
        "origin": None,
        "event_id": delivery.event_id,
        "event_type": "job.queued",
        "attempts": 10,
    }
    late = await clocked.endpoint("https://late.test/")
    await replay(EventLog(clocked.redis), clocked.deliveries, late, None)
    await clocked.dispatch()
    assert [each.event_type for each in await clocked.deliveries_to(late)] == ["job.queued"]
    assert len(await clocked.deliveries_to(endpoint)) == 1


async def test_a_success_after_failures_ends_the_delivery(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    clocked.sender.answers = failing(502)
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    await clocked.work()
    clocked.sender.answers = lambda request: Exchange(status=204)
    await pass_until(clocked, HOUR_MS)
    (delivery,) = await clocked.deliveries_to(endpoint)
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert [attempt["status"] for attempt in delivery.attempts] == [502, 204]
    assert (await clocked.endpoints.state(TENANT, endpoint.id)).failing_since_ms is None


async def test_an_endpoint_that_fails_for_five_days_is_disabled_with_an_event(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint(event_types=("job.*",))
    watching = await clocked.endpoint("https://watch.test/", event_types=("webhook_endpoint.*",))
    clocked.sender.answers = lambda request: (
        failing()(request) if "example" in request.url else Exchange(status=200)
    )
    for _ in range(6):
        await clocked.event()
        await clocked.dispatcher.dispatch_new()
        await clocked.work()
        await pass_until(clocked, DAY_MS - 1)
        assert (await clocked.endpoints.get(TENANT, endpoint.id)).status is EndpointStatus.ENABLED or _ == 5

    disabled = await clocked.endpoints.get(TENANT, endpoint.id)
    assert (disabled.status, disabled.disabled_reason) == (EndpointStatus.DISABLED, "failing")
    while await clocked.queue.sweep():
        pass
    statuses = {delivery.status for delivery in await clocked.deliveries_to(endpoint)}
    assert statuses == {DeliveryStatus.EXHAUSTED, DeliveryStatus.DISCARDED}

    await clocked.dispatcher.dispatch_new()
    await clocked.work()
    (told,) = await clocked.deliveries_to(watching)
    assert told.event_type == "webhook_endpoint.disabled"
    event = json.loads(await clocked.deliveries.body(told) or b"")
    assert event["data"]["webhook_endpoint"]["id"] == endpoint.id
    assert event["data"]["webhook_endpoint"]["disabled_reason"] == "failing"
    assert event["sequence"] == 6 + len(await clocked.logged("webhook_delivery.exhausted")) + 1


async def test_what_a_disabled_endpoint_missed_can_be_recovered(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    clocked.sender.answers = failing(410)
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    await clocked.work()
    disabled = await clocked.endpoints.get(TENANT, endpoint.id)
    assert (disabled.status, disabled.disabled_reason) == (EndpointStatus.DISABLED, "gone")
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    # its own webhook_endpoint.disabled, and the later job: discarded like the one that got the 410
    assert {each.status for each in await clocked.deliveries_to(endpoint)} == {DeliveryStatus.DISCARDED}
    assert await clocked.endpoints.recoverable([endpoint.id]) == [3]

    clocked.sender.answers = lambda request: Exchange(status=200)
    await clocked.endpoints.change(
        TENANT, endpoint.id, lambda e: (replace(e, status=EndpointStatus.ENABLED), None)
    )
    assert await clocked.deliveries.recover(TENANT, endpoint.id, 0) == 3
    await clocked.work()
    assert {each.status for each in await clocked.deliveries_to(endpoint)} == {DeliveryStatus.SUCCEEDED}


async def test_faults_on_our_side_cost_the_receiver_nothing_and_end_after_four_days(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    clocked.sender.answers = faulty
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    await clocked.work()
    await pass_until(clocked, 4 * DAY_MS - 20 * 60_000)
    (delivery,) = await clocked.deliveries_to(endpoint)
    assert delivery.status is DeliveryStatus.PENDING
    assert await clocked.redis.hget(keys.DELIVERY + delivery.id, "attempt") == b"0"
    state = await clocked.endpoints.state(TENANT, endpoint.id)
    assert (state.consecutive_failures, state.failing_since_ms) == (0, None)
    await pass_until(clocked, HOUR_MS)
    (delivery,) = await clocked.deliveries_to(endpoint)
    assert delivery.status is DeliveryStatus.EXHAUSTED


@pytest.mark.parametrize(("asked_ms", "held_ms"), [(3_000, 3_000), (DAY_MS, 600_000)])
async def test_retry_after_keeps_others_away_for_ten_minutes_at_most(
    clocked: Hooks, asked_ms: int, held_ms: int
) -> None:
    endpoint = await clocked.endpoint()
    clocked.sender.answers = failing(503, retry_after_ms=asked_ms)
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    await clocked.work()
    state = await clocked.endpoints.state(TENANT, endpoint.id)
    assert state.held_until_ms == clocked.now_ms + held_ms


@pytest.mark.parametrize(("asked_ms", "waited_ms"), [(3_600_000, 3_600_000), (90 * DAY_MS, DAY_MS)])
async def test_retry_after_is_honoured_within_bounds(clocked: Hooks, asked_ms: int, waited_ms: int) -> None:
    await clocked.endpoint()
    clocked.sender.answers = failing(503, retry_after_ms=asked_ms)
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    await clocked.work()
    await pass_until(clocked, waited_ms - 1)
    assert len(clocked.sender.sent) == 1
    await pass_until(clocked, 2)
    assert len(clocked.sender.sent) == 2
