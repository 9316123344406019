"""A pace for each destination origin, over all targets of all tenants."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from jobs.store import keys
from jobs.webhooks.credentials import Credentials
from jobs.webhooks.delivery import DeliveryStatus
from jobs.webhooks.endpoint import Endpoint, EndpointConfig, EndpointStatus
from notifier.webhooks.exchange import Exchange
from testsupport.hooks import TENANT, Hooks, Receiver, failing
from testsupport.moved_clock import HOUR_MS
from testsupport.waiting import eventually

RATE = 100
BURST = RATE * keys.WEBHOOK_ORIGIN_BURST_MS // 1000
HOST = "https://example.test"
STEP_MS = 20


@pytest.fixture
async def paced(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Hooks]:
    """A scripted network, and time that stands still until the test moves it."""
    hooks = await Hooks.open(redis_url, tmp_path, scripted=True, virtual=True, origin_rate=RATE)
    yield hooks
    await hooks.close()


async def endpoint_of(hooks: Hooks, tenant: str, url: str) -> Endpoint:
    return await hooks.endpoints.create(
        tenant, EndpointConfig(url=url, event_types=("*",)), Credentials.fresh()
    )


def sent_to(hooks: Hooks) -> Counter[str]:
    """How many requests went to each URL."""
    return Counter(request.url for request in hooks.sender.sent)


async def work_for(hooks: Hooks, ms: int) -> list[int]:
    """Sends what may be sent, every `STEP_MS`; returns how many were sent by then, each time."""
    counts = []
    for _ in range(ms // STEP_MS):
        await hooks.work()
        counts.append(len(hooks.sender.sent))
        await hooks.pass_time(STEP_MS)
    return counts


async def all_succeeded(hooks: Hooks) -> bool:
    endpoints, _ = await hooks.endpoints.page(TENANT, 100, None)
    made = [each for endpoint in endpoints for each in await hooks.deliveries_to(endpoint)]
    return {each.status for each in made} == {DeliveryStatus.SUCCEEDED}


async def test_one_event_for_many_endpoints_at_one_host_is_sent_at_the_pace(paced: Hooks) -> None:
    for n in range(100):
        await paced.endpoint(f"{HOST}/{n}")
    await paced.events(1)
    counts = await work_for(paced, 1_000)
    assert counts[0] == BURST
    for at, count in enumerate(counts):
        assert count <= BURST + at * STEP_MS * RATE / 1000
    assert len(sent_to(paced)) == len(paced.sender.sent) == 100, "as fast as the pace allows"
    assert not await paced.redis.keys("pr:webhook:waiting:*")
    assert not await paced.redis.zcard(keys.WEBHOOK_PACED)


async def test_the_pace_is_of_all_tenants_and_spellings_and_other_origins_go_on(paced: Hooks) -> None:
    urls = [f"{HOST}/hook", "https://EXAMPLE.test./hook", f"{HOST}:443/other", "https://other.test/hook"]
    for tenant, url in zip("abcd", urls, strict=True):
        await endpoint_of(paced, tenant, url)
        for _ in range(BURST):
            await paced.event(tenant=tenant)
    await paced.dispatch()
    await paced.work()
    sent = sent_to(paced)
    assert sent.pop("https://other.test/hook") == BURST
    assert sum(sent.values()) == BURST


async def test_tenants_take_turns_at_an_origin_whatever_the_number_of_their_endpoints(paced: Hooks) -> None:
    for n in range(50):
        await paced.endpoint(f"{HOST}/many/{n}")
    await paced.events(4)
    await paced.work()
    await endpoint_of(paced, "other", f"{HOST}/other")
    for _ in range(20):
        await paced.event(tenant="other")
    await paced.dispatch()
    before = len(paced.sender.sent)
    await work_for(paced, 300)
    since = [request.url for request in paced.sender.sent[before:]]
    assert 20 <= len(since) <= 30
    others = since.count(f"{HOST}/other")
    assert abs(others - len(since) / 2) <= 2


async def test_webhook_urls_and_tests_of_endpoints_are_paced_too(paced: Hooks) -> None:
    endpoint = await endpoint_of(paced, "other", f"{HOST}/tested")
    for n in range(BURST):
        job = await paced.event(webhook_url=f"{HOST}/{n}")
        await paced.store.cancel(TENANT, job.id)
    await paced.dispatch()
    await paced.work()
    assert len(paced.sender.sent) == BURST
    testing = asyncio.create_task(paced.deliveries.test("other", endpoint.id, 30))
    await eventually(lambda: paced.redis.llen(keys.WEBHOOK_TESTS))
    await paced.work()
    assert len(paced.sender.sent) == BURST
    await work_for(paced, 100)
    _, attempt = await testing
    assert attempt is not None
    assert attempt["status"] == 200


async def test_a_delivery_that_waits_takes_no_place_and_other_receivers_get_theirs(paced: Hooks) -> None:
    for n in range(200):
        await paced.endpoint(f"{HOST}/{n}", event_types=("job.queued",))
    await paced.events(1)
    await paced.work()
    endpoint = await endpoint_of(paced, "other", "https://other.test/")
    await paced.event(tenant="other")
    await paced.dispatcher.dispatch_new()
    (claim,) = (await paced.queue.claim(8, 1000)).claims
    assert (claim.target_id, claim.lane) == (endpoint.id, "priority")
    assert await paced.redis.zcard(keys.WEBHOOK_LEASES) == 1


async def test_a_fresh_event_passes_retries_that_wait_at_the_origin(paced: Hooks) -> None:
    for n in range(2 * BURST):
        await paced.endpoint(f"{HOST}/{n}", event_types=("job.queued",))
    paced.sender.answers = failing()
    await paced.events(1)
    await work_for(paced, 400)
    await paced.pass_time(7_000)
    await paced.work()
    paced.sender.answers = lambda request: Exchange(status=200)
    await endpoint_of(paced, "other", f"{HOST}/fresh")
    await paced.event(tenant="other")
    await paced.dispatch()
    before = len(paced.sender.sent)
    await work_for(paced, 100)
    since = [request.url for request in paced.sender.sent[before:]]
    assert f"{HOST}/fresh" in since[:2]


async def test_an_endpoint_that_is_paused_deleted_or_disabled_while_it_waits_gets_nothing(
    paced: Hooks,
) -> None:
    made = [await paced.endpoint(f"{HOST}/{n}") for n in range(BURST + 3)]
    await paced.events(1)
    await paced.work()
    left = [endpoint for endpoint in made if endpoint.config.url not in sent_to(paced)]
    await paced.endpoints.delete(TENANT, left[0].id)
    for endpoint, status in zip(left[1:], (EndpointStatus.PAUSED, EndpointStatus.DISABLED), strict=True):
        await paced.endpoints.change(TENANT, endpoint.id, lambda e, s=status: (replace(e, status=s), None))
    await work_for(paced, 500)
    assert len(paced.sender.sent) == BURST
    await paced.endpoints.change(
        TENANT, left[1].id, lambda e: (replace(e, status=EndpointStatus.ENABLED), None)
    )
    await work_for(paced, 200)
    assert sent_to(paced)[left[1].config.url] == 1
    assert len(paced.sender.sent) == BURST + 1


async def test_deliveries_wait_no_longer_if_the_clock_is_set_back(paced: Hooks) -> None:
    for n in range(2 * BURST):
        await paced.endpoint(f"{HOST}/{n}")
    await paced.events(1)
    await paced.work()
    await paced.pass_time(-HOUR_MS)
    await work_for(paced, 400)
    assert len(paced.sender.sent) == 2 * BURST


async def test_deliveries_that_wait_go_on_if_an_earlier_release_takes_the_origin_off_the_ring(
    paced: Hooks,
) -> None:
    for n in range(2 * BURST):
        await paced.endpoint(f"{HOST}/{n}")
    await paced.events(1)
    await paced.work()
    await paced.redis.delete(keys.WEBHOOK_PACED)
    await work_for(paced, 400)
    assert len(paced.sender.sent) == BURST
    await paced.pass_time(30_000)
    await work_for(paced, 400)
    assert len(paced.sender.sent) == 2 * BURST


async def test_an_endpoint_that_an_earlier_release_wrote_is_paced(paced: Hooks) -> None:
    made = [await paced.endpoint(f"{HOST}/{n}") for n in range(2 * BURST)]
    for endpoint in made:
        await paced.redis.hdel(keys.WEBHOOK_TARGET + endpoint.id, "origin")
    await paced.events(1)
    await paced.work()
    assert len(paced.sender.sent) == BURST


async def test_what_waits_is_sent_if_the_limit_is_taken_away(
    paced: Hooks, redis_url: str, tmp_path: Path
) -> None:
    for n in range(2 * BURST):
        await paced.endpoint(f"{HOST}/{n}")
    await paced.events(1)
    await paced.work()
    unlimited = await Hooks.open(redis_url, tmp_path, scripted=True, virtual=True)
    await unlimited.set_clock(paced.now_ms + keys.WEBHOOK_ORIGIN_PAUSE_MS)
    await unlimited.work()
    assert len(unlimited.sender.sent) == BURST
    await unlimited.close()


async def test_real_receivers_get_every_event_once_at_the_pace_from_two_notifiers(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    rate, count = 50, 60
    notifiers = [await Hooks.open(redis_url, tmp_path, origin_rate=rate) for _ in range(2)]
    async with Receiver.listening() as receiver:
        for n in range(count):
            await notifiers[0].endpoint(f"{receiver.url}/{n}")
        loop = asyncio.get_running_loop()
        async with notifiers[0].running(), notifiers[1].running():
            began = loop.time()
            await notifiers[0].event()
            await receiver.got(count)
            took_s = loop.time() - began
            await eventually(lambda: all_succeeded(notifiers[0]))
    for each in notifiers:
        await each.close()
    assert len(receiver.requests) == count
    burst = rate * keys.WEBHOOK_ORIGIN_BURST_MS / 1000
    assert took_s >= (count - burst) / rate - 0.1
