"""A notifier may die between any two steps.

Each test takes some steps of a delivery, stops as a killed process would, and lets another notifier
go on: the event arrives, and every copy of it has the same id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from redis.asyncio import Redis

from jobs.core.errors.store import StoreError
from jobs.store import keys
from jobs.webhooks.deliveries import pending_delivery
from jobs.webhooks.delivery import DeliveryStatus
from jobs.webhooks.delivery_queue import LEASE_MS, DeliveryClaim
from jobs.webhooks.outbox import ABANDONED_MS, GROUP
from notifier.webhooks.exchange import Exchange
from testsupport.hooks import TENANT, Hooks, Receiver
from testsupport.valkey import FaultyValkey
from testsupport.waiting import eventually

FAILED = Exchange(status=500, error="http_status")
STEPS = ("nothing", "read", "part made", "dispatched", "claimed", "sent", "settled")


@pytest.fixture
async def other(clocked: Hooks, redis_url: str, tmp_path: Path) -> AsyncIterator[Hooks]:
    """Another notifier on the same store, whose clock is the same."""
    hooks = await Hooks.open(redis_url, tmp_path, scripted=True, virtual=True)
    yield hooks
    await hooks.close()


async def settle(hooks: Hooks, claim: DeliveryClaim, exchange: Exchange | None = None) -> str | None:
    return await hooks.deliverer.settle(claim, exchange or Exchange(status=200), hooks.now_ms)


@pytest.mark.parametrize("last", STEPS)
async def test_whatever_step_is_the_last_the_event_arrives(clocked: Hooks, other: Hooks, last: str) -> None:
    endpoints = [await clocked.endpoint(f"https://example.test/{n}") for n in range(3)]
    await clocked.event()

    done = STEPS.index(last)
    if done >= STEPS.index("read"):
        (reference,) = await clocked.outbox.read()
        events, _ = await clocked.outbox.events([reference])
        assert events[0] is not None
        pending = [pending_delivery(events[0].id, endpoint.id) for endpoint in endpoints]
        if done >= STEPS.index("part made"):
            key = str(reference.sequence)
            await clocked.deliveries.dispatch(TENANT, key, pending[:1])
        if done >= STEPS.index("dispatched"):
            await clocked.deliveries.dispatch(TENANT, key, pending, entry=reference.entry)
    if done >= STEPS.index("claimed"):
        claim = await clocked.claim_one()
        if done >= STEPS.index("sent"):
            await clocked.deliverer.attempt(claim, clocked.now_ms)
        if done >= STEPS.index("settled"):
            assert await settle(clocked, claim) == "succeeded"

    await clocked.pass_time(LEASE_MS + 1)
    other.now_ms = clocked.now_ms
    await other.dispatcher.dispatch_abandoned(0)
    await other.outbox.join()
    if last == "nothing":
        await other.dispatcher.dispatch_new()
    await other.work()

    for endpoint in endpoints:
        (delivery,) = await clocked.deliveries_to(endpoint)
        assert delivery.status is DeliveryStatus.SUCCEEDED
    sent = clocked.sender.sent + other.sender.sent
    assert {request.url for request in sent} == {endpoint.config.url for endpoint in endpoints}
    assert len({request.headers["webhook-id"] for request in sent}) == 1
    assert len(sent) == (4 if last == "sent" else 3)
    assert await clocked.redis.xlen(keys.OUTBOX) == 0
    assert (await clocked.redis.xpending(keys.OUTBOX, GROUP))["pending"] == 0
    assert await clocked.redis.zcard(keys.WEBHOOK_LEASES) == 0
    for endpoint in endpoints:
        assert (await clocked.endpoints.state(TENANT, endpoint.id)).in_flight == 0


async def test_a_lost_claim_costs_the_receiver_no_attempt(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    await clocked.claim_one()
    await clocked.pass_time(LEASE_MS + 1)
    again = await clocked.claim_one()
    assert again.attempts_used == 0
    (delivery,) = await clocked.deliveries_to(endpoint)
    assert [attempt.get("error") for attempt in delivery.attempts] == ["interrupted"]


async def test_a_reference_that_is_held_is_not_taken_over(clocked: Hooks, other: Hooks) -> None:
    await clocked.endpoint()
    await clocked.event()
    (reference,) = await clocked.outbox.read()
    for is_held in (True, False):
        await clocked.redis.xclaim(keys.OUTBOX, GROUP, "some", 0, [reference.entry], idle=ABANDONED_MS + 1)
        if is_held:
            await clocked.outbox.hold(reference)
        assert await other.outbox.reclaim() == ([] if is_held else [reference])


async def test_a_delivery_that_ends_every_notifier_is_given_up(clocked: Hooks) -> None:
    """Its endpoint gets later events, and it can be sent again when the cause is known."""
    endpoint = await clocked.endpoint(max_in_flight=1)
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    for _ in range(keys.WEBHOOK_LOST_CLAIMS):
        await clocked.claim_one()
        await clocked.pass_time(LEASE_MS + 1)
        batch = await clocked.queue.claim(0, 1000)
        if batch.next_due_ms:
            await clocked.pass_time(batch.next_due_ms)
    (delivery,) = await clocked.deliveries_to(endpoint)
    assert batch.given_up == [delivery.id]
    assert (delivery.status, delivery.due_ms) == (DeliveryStatus.EXHAUSTED, None)
    *earlier, last = [attempt["error"] for attempt in delivery.attempts]
    assert earlier == ["interrupted"] * (keys.WEBHOOK_LOST_CLAIMS - 1)
    assert last == "notifier_lost"
    (told,) = await clocked.logged("webhook_delivery.exhausted")
    assert told["webhook_delivery"]["id"] == delivery.id
    assert "redeliver" in delivery.attempts[-1]["message"]
    for key in (keys.WEBHOOK_LEASES, keys.WEBHOOK_DUE, keys.WEBHOOK_RING):
        assert await clocked.redis.zcard(key) == 0
    assert (await clocked.endpoints.state(TENANT, endpoint.id)).in_flight == 0

    await clocked.event()
    await clocked.deliveries.redeliver(TENANT, delivery.id)
    await clocked.dispatcher.dispatch_new()
    await clocked.work()
    assert {each.status for each in await clocked.deliveries_to(endpoint)} == {DeliveryStatus.SUCCEEDED}


async def test_only_claims_lost_in_a_row_count(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    for n in range(keys.WEBHOOK_LOST_CLAIMS + 2):
        claim = await clocked.claim_one()
        if n == keys.WEBHOOK_LOST_CLAIMS // 2:
            await settle(clocked, claim, Exchange(error="dns_failed", is_fault=True))
        await clocked.pass_time(LEASE_MS + 1)
        batch = await clocked.queue.claim(0, 1000)
        await clocked.pass_time(batch.next_due_ms or 0)
    (delivery,) = await clocked.deliveries_to(endpoint)
    assert delivery.status is DeliveryStatus.PENDING


async def test_what_was_lost_twice_with_others_comes_back_apart_from_them(clocked: Hooks) -> None:
    """One of them may be what ends notifiers: the others must not be given up with it."""
    endpoint = await clocked.endpoint()
    for _ in range(10):
        await clocked.event()
    await clocked.dispatcher.dispatch_new()
    for _ in range(2):
        assert len((await clocked.queue.claim(10, 1000)).claims) == 10
        await clocked.pass_time(LEASE_MS + 1)
        await clocked.queue.claim(0, 1000)
    due = sorted(each.due_ms or 0 for each in await clocked.deliveries_to(endpoint))
    assert due[0] > clocked.now_ms
    assert len(set(due)) >= 8  # in random milliseconds: by chance, two may be due at the same time
    assert due[-1] - due[0] > 2_000


async def test_a_late_notifier_can_not_overwrite_what_its_successor_wrote(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    late = await clocked.claim_one()
    await clocked.pass_time(LEASE_MS + 1)
    current = await clocked.claim_one()
    assert current.number > late.number
    assert await settle(clocked, late, FAILED) is None
    assert await settle(clocked, current) == "succeeded"
    assert await settle(clocked, late, FAILED) is None
    (delivery,) = await clocked.deliveries_to(endpoint)
    assert delivery.status is DeliveryStatus.SUCCEEDED
    state = await clocked.endpoints.state(TENANT, endpoint.id)
    assert (state.in_flight, state.failed_attempts) == (0, 0)


async def test_an_outcome_whose_answer_got_lost_is_told_again(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    claim = await clocked.claim_one()
    for _ in range(3):
        assert await settle(clocked, claim, FAILED) == "pending"
    state = await clocked.endpoints.state(TENANT, endpoint.id)
    assert (state.failed_attempts, state.consecutive_failures) == (1, 1)


async def test_a_dispatch_whose_answer_got_lost_makes_nothing_twice(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    await clocked.event()
    (reference,) = await clocked.outbox.read()
    for _ in range(3):
        await clocked.dispatcher.dispatch([reference])
    assert len(await clocked.deliveries_to(endpoint)) == 1
    await clocked.work()
    await clocked.dispatcher.dispatch([reference])
    await clocked.work()
    assert len(clocked.sender.sent) == 1


async def test_an_event_outlives_the_log_until_it_is_dispatched(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    await clocked.event()
    await clocked.redis.delete(keys.LOG + TENANT)  # trimmed, days later
    await clocked.dispatcher.dispatch_new()
    await clocked.work()
    (delivery,) = await clocked.deliveries_to(endpoint)
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert clocked.sender.sent[0].body == await clocked.deliveries.body(delivery)


async def test_a_body_goes_with_the_last_delivery_that_needs_it(clocked: Hooks) -> None:
    for n in range(2):
        await clocked.endpoint(f"https://example.test/{n}")
    await clocked.endpoint("https://else.test/", event_types=("nothing.like_it",))
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    await clocked.work()
    assert len(await clocked.redis.keys(keys.EVENT + "*")) == 1
    await clocked.pass_time(keys.DELIVERY_TTL_MS + 1)
    while await clocked.queue.sweep():
        pass
    for prefix in (keys.EVENT, keys.DELIVERY, keys.DELIVERIES):
        assert await clocked.redis.keys(prefix + "*") == []


async def test_an_event_nobody_wants_leaves_nothing_behind(clocked: Hooks) -> None:
    await clocked.endpoint(event_types=("batch.*",))
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    assert await clocked.redis.keys(keys.EVENT + "*") == []
    assert await clocked.redis.xlen(keys.OUTBOX) == 0


async def test_a_deleted_endpoint_leaves_nothing_behind_even_with_a_request_under_way(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    for _ in range(3):
        await clocked.event()
    await clocked.dispatcher.dispatch_new()
    claim = await clocked.claim_one()
    await clocked.endpoints.delete(TENANT, endpoint.id)
    assert await settle(clocked, claim) is None
    while await clocked.queue.sweep():
        pass
    left = [key for key in await clocked.redis.keys("pr:*") if endpoint.id.encode() in key]
    assert left == []
    for prefix in (keys.DELIVERY, keys.EVENT, "pr:webhook:due", keys.WEBHOOK_RING):
        assert await clocked.redis.keys(prefix + "*") == []


async def test_the_store_may_restart_in_the_middle_of_a_delivery(
    own_valkey: FaultyValkey, tmp_path: Path
) -> None:
    hooks = await Hooks.open(own_valkey.url, tmp_path)
    async with Receiver.listening() as receiver:
        endpoint = await hooks.endpoint(receiver.url)

        async def restart_meanwhile(request: web.Request) -> web.Response:
            own_valkey.kill()
            own_valkey.start()
            return web.Response()

        receiver.answer = restart_meanwhile
        await hooks.event()
        async with hooks.running():

            async def is_done() -> bool:
                try:
                    return [each.status for each in await hooks.deliveries_to(endpoint)] == [
                        DeliveryStatus.SUCCEEDED
                    ]
                except StoreError:
                    return False

            await eventually(is_done)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    await hooks.close()


async def test_two_notifiers_share_the_work_and_send_everything_once(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    first, second = [await Hooks.open(redis_url, tmp_path) for _ in range(2)]
    async with Receiver.listening() as receiver:
        await first.endpoint(receiver.url)
        async with first.running(), second.running():
            jobs = [await first.event() for _ in range(100)]
            await receiver.got(100)
    told = [request.event["data"]["job"]["id"] for request in receiver.requests]
    assert sorted(told) == sorted(job.id for job in jobs)
    for hooks in (first, second):
        await hooks.close()
