"""The store's clock is set back by an hour: webhooks go on, and lists keep their order."""

from __future__ import annotations

import pytest

from jobs.store import keys
from jobs.webhooks.delivery import DeliveryStatus
from jobs.webhooks.delivery_queue import LEASE_MS
from notifier.webhooks import retry_schedule as schedule
from notifier.webhooks.exchange import Exchange
from testsupport.hooks import Hooks, failing
from testsupport.moved_clock import HOUR_MS

LONGEST_WAIT_MS = keys.WEBHOOK_LONGEST_HOLD_MS


async def set_back(hooks: Hooks) -> None:
    await hooks.pass_time(-HOUR_MS)


async def test_a_retry_waits_its_pause_again_and_no_longer(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    clocked.sender.answers = failing()
    await clocked.events(1)
    await clocked.work()
    clocked.sender.answers = lambda request: Exchange(status=200)
    await set_back(clocked)

    await clocked.work()
    (waiting,) = await clocked.deliveries_to(endpoint)
    assert waiting.status is DeliveryStatus.PENDING
    assert waiting.due_ms is not None
    assert 0 < waiting.due_ms - clocked.now_ms <= schedule.DELAYS_MS[1] * (1 + schedule.JITTER)
    await clocked.pass_time(waiting.due_ms - clocked.now_ms)
    await clocked.work()
    (delivery,) = await clocked.deliveries_to(endpoint)
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert await clocked.redis.zcard(keys.WEBHOOK_DUE_PLANNED) == 0


async def test_a_delivery_in_flight_is_not_sent_twice_and_comes_back_if_its_notifier_is_gone(
    clocked: Hooks,
) -> None:
    endpoint = await clocked.endpoint()
    await clocked.events(2)
    alive, _dead = (await clocked.queue.claim(2, 1000)).claims
    await set_back(clocked)

    assert (await clocked.queue.claim(2, 1000)).claims == []
    await clocked.deliverer.settle(alive, Exchange(status=200), clocked.now_ms)
    await clocked.pass_time(LEASE_MS + 1)
    await clocked.work()

    assert len(clocked.sender.sent) == 1
    for delivery in await clocked.deliveries_to(endpoint):
        assert delivery.status is DeliveryStatus.SUCCEEDED


@pytest.mark.parametrize("why", ["breaker", "retry-after"])
async def test_a_hold_does_not_last_until_the_clock_has_caught_up(clocked: Hooks, why: str) -> None:
    await clocked.endpoint()
    failures = keys.WEBHOOK_BREAKER_FAILURES if why == "breaker" else 1
    clocked.sender.answers = failing(503, retry_after_ms=0 if why == "breaker" else HOUR_MS)
    await clocked.events(failures)
    await clocked.work()
    assert len(clocked.sender.sent) == failures
    clocked.sender.answers = lambda request: Exchange(status=200)
    await set_back(clocked)

    await clocked.events(1)
    await clocked.pass_time(LONGEST_WAIT_MS)
    await clocked.work()
    assert len(clocked.sender.sent) > failures


async def test_a_rate_does_not_stop_an_endpoint_until_the_clock_has_caught_up(clocked: Hooks) -> None:
    await clocked.endpoint(max_per_second=1.0)
    await clocked.events(3)
    await clocked.work()
    sent = len(clocked.sender.sent)
    assert sent < 3
    await set_back(clocked)
    for _ in range(3):
        await clocked.work()
        await clocked.pass_time(1000)
    assert len(clocked.sender.sent) == 3


async def test_deliveries_are_listed_newest_first_and_sent_oldest_first(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    for jump_ms in (1, -HOUR_MS, 1, 1):
        await clocked.events(1)
        await clocked.pass_time(jump_ms)
    await clocked.work()

    oldest_first = [delivery.event_id for delivery in await clocked.deliveries_to(endpoint)]
    sequences = [int(delivery.event_key) for delivery in await clocked.deliveries_to(endpoint)]
    assert sequences == sorted(sequences)
    assert [request.headers["webhook-id"] for request in clocked.sender.sent] == oldest_first
