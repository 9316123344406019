"""One bad endpoint never hurts another: limits, the circuit breaker, fair turns."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from redis.asyncio import Redis

from jobs.core.errors.request import WebhookConflict
from jobs.store import keys
from jobs.webhooks.credentials import Credentials
from jobs.webhooks.delivery import DeliveryStatus, origin_of, origin_target
from jobs.webhooks.endpoint import EndpointConfig, EndpointStatus
from notifier.webhooks.exchange import Exchange
from notifier.webhooks.pacing import Pacer, PacingLimits
from testsupport.hooks import TENANT, Hooks, Receiver, failing

FIRST_OPEN_MS = keys.WEBHOOK_BREAKER_FIRST_MS


async def under_way(hooks: Hooks) -> int:
    return len((await hooks.queue.claim(1000, 1000)).claims)


async def test_an_endpoint_has_no_more_requests_under_way_than_it_wants(clocked: Hooks) -> None:
    await clocked.endpoint("https://example.test/", max_in_flight=3)
    await clocked.endpoint("https://else.test/", max_in_flight=7)
    await clocked.events(20)
    assert await under_way(clocked) == 10


async def test_turns_go_round_over_endpoints(clocked: Hooks) -> None:
    for n in range(4):
        await clocked.endpoint(f"https://example.test/{n}")
    await clocked.events(5)
    turns = [claim.url[-1] for claim in (await clocked.queue.claim(12, 1000)).claims]
    assert set(turns[:6]) == set("0123"), "of four turns, three are for targets with nothing in flight"
    assert all(2 <= turns.count(each) <= 4 for each in "0123")


async def test_a_busy_notifier_gives_each_endpoint_less(clocked: Hooks) -> None:
    for n in range(4):
        await clocked.endpoint(f"https://example.test/{n}")
    await clocked.events(5)
    assert len((await clocked.queue.claim(1000, 1)).claims) == 4
    assert len((await clocked.queue.claim(1000, 1)).claims) == 0
    await clocked.pass_time(1000)  # a target with enough in flight stands aside for so long
    assert len((await clocked.queue.claim(1000, 3)).claims) == 8


async def test_a_rate_spaces_requests_after_a_burst(clocked: Hooks) -> None:
    await clocked.endpoint(max_per_second=5, max_in_flight=100)
    await clocked.events(30)
    sent = []
    for _ in range(30):
        await clocked.work()
        sent.append(len(clocked.sender.sent))
        await clocked.pass_time(100)
    assert sent[0] <= 6
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(sent))
    assert 5 + 10 <= sent[-1] <= 6 + 15


async def test_the_breaker_opens_probes_once_and_lets_requests_back_in_slowly(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint(max_in_flight=8)
    clocked.sender.answers = failing()
    await clocked.events(60)
    await clocked.work()
    tried = len(clocked.sender.sent)
    assert 5 <= tried <= 8 + 4
    await clocked.work()
    assert len(clocked.sender.sent) == tried, "the breaker is open"

    await clocked.pass_time(FIRST_OPEN_MS * 1.25)
    await clocked.work()
    assert len(clocked.sender.sent) == tried + 1, "one probe"
    await clocked.pass_time(FIRST_OPEN_MS * 1.25)
    await clocked.work()
    assert len(clocked.sender.sent) == tried + 1, "open for longer after a failed probe"

    await clocked.pass_time(FIRST_OPEN_MS * 1.5)
    clocked.sender.answers = lambda request: Exchange(status=200)
    assert await under_way(clocked) == 1, "one probe again"
    await clocked.pass_time(30_000)  # that claim is lost: the probe is free again
    sizes = []
    for _ in range(4):
        batch = await clocked.queue.claim(1000, 1000)
        sizes.append(len(batch.claims))
        await asyncio.gather(*(clocked.deliverer.deliver(claim) for claim in batch.claims))
    assert sizes == [1, 2, 4, 8]
    assert (await clocked.endpoints.state(TENANT, endpoint.id)).consecutive_failures == 0


async def test_many_failures_at_once_open_the_breaker_once(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint(max_in_flight=50)
    await clocked.events(50)
    batch = await clocked.queue.claim(100, 1000)
    clocked.sender.answers = failing()
    await asyncio.gather(*(clocked.deliverer.deliver(claim) for claim in batch.claims))
    state = await clocked.endpoints.state(TENANT, endpoint.id)
    assert state.held_until_ms is not None
    assert state.held_until_ms - clocked.now_ms <= FIRST_OPEN_MS * 1.25


async def test_a_receiver_that_fails_goes_behind_others_until_it_answers_again(clocked: Hooks) -> None:
    await clocked.endpoint(max_in_flight=1)
    await clocked.events(3)
    clocked.sender.answers = failing()
    await clocked.deliverer.deliver(await clocked.claim_one())
    assert (await clocked.queue.claim(100, 1000, 0)).claims == [], "its last request failed"
    clocked.sender.answers = lambda request: Exchange(status=200)
    await clocked.deliverer.deliver(await clocked.claim_one())
    (claim,) = (await clocked.queue.claim(100, 1000, 0)).claims
    assert claim.lane != "late"


async def test_a_paused_endpoint_holds_and_a_resumed_one_sends(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    await clocked.endpoints.change(
        TENANT, endpoint.id, lambda e: (replace(e, status=EndpointStatus.PAUSED), None)
    )
    await clocked.events(3)
    await clocked.work()
    assert clocked.sender.sent == []
    assert {each.status for each in await clocked.deliveries_to(endpoint)} == {DeliveryStatus.PENDING}
    await clocked.pass_time(30 * 86_400_000)
    await clocked.endpoints.change(
        TENANT, endpoint.id, lambda e: (replace(e, status=EndpointStatus.ENABLED), None)
    )
    await clocked.work()
    assert len(clocked.sender.sent) == 3


async def test_what_waits_can_not_be_redelivered(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    await clocked.events(1)
    (delivery,) = await clocked.deliveries_to(endpoint)
    with pytest.raises(WebhookConflict):
        await clocked.deliveries.redeliver(TENANT, delivery.id)


async def test_a_secret_that_cannot_be_read_fails_its_own_deliveries_only(clocked: Hooks) -> None:
    bad, good = "https://bad.test/hook", "https://good.test/"
    await clocked.redis.hset(keys.TENANT + TENANT, "webhook_secret", b"c2VhbGVkIHdpdGggYSBsb3N0IGtleQ==")
    config = EndpointConfig(url=good, event_types=("*",))
    await clocked.endpoints.create("other", config, Credentials.fresh())
    job = await clocked.event(webhook_url=bad)
    await clocked.store.cancel(TENANT, job.id)
    await clocked.event(tenant="other")
    await clocked.dispatch()
    await clocked.work()
    assert [request.url for request in clocked.sender.sent] == [good]
    (delivery,) = await clocked.deliveries_to(origin_target(TENANT, origin_of(bad)))
    assert delivery.status is DeliveryStatus.PENDING
    assert (await clocked.deliveries.get(TENANT, delivery.id)).attempts[0][
        "error"
    ] == "credentials_unreadable"


async def test_an_origin_of_webhook_urls_is_limited_as_one(clocked: Hooks) -> None:
    jobs = [await clocked.event(webhook_url=f"https://example.test/{n}") for n in range(20)]
    for job in jobs:
        await clocked.store.cancel(TENANT, job.id)
    await clocked.event(webhook_url="https://example.test/never")  # not over yet: no delivery
    await clocked.dispatch()
    assert await under_way(clocked) == 10


async def test_an_origin_that_fails_for_five_days_is_given_up_and_starts_anew(clocked: Hooks) -> None:
    clocked.sender.answers = failing()

    async def cancelled() -> None:
        job = await clocked.event(webhook_url="https://example.test/hook")
        await clocked.store.cancel(TENANT, job.id)
        await clocked.dispatcher.dispatch_new()
        await clocked.work()

    await cancelled()
    for _ in range(6):
        await clocked.pass_time(86_400_000)
        await cancelled()
    while await clocked.queue.sweep():
        pass
    told = [each["webhook_delivery"] for each in await clocked.logged("webhook_delivery.exhausted")]
    made = await clocked.deliveries_to(origin_target(TENANT, origin_of("https://example.test/hook")))
    assert {each["origin"] for each in told} == {"https://example.test"}
    assert sorted(each["id"] for each in told) == sorted(
        delivery.id for delivery in made if delivery.status is DeliveryStatus.EXHAUSTED
    )
    clocked.sender.answers = lambda request: Exchange(status=200)
    before = len(clocked.sender.sent)
    await clocked.pass_time(86_400_000)
    await cancelled()
    assert len(clocked.sender.sent) > before
    assert await clocked.redis.smembers(keys.WEBHOOK_DRAIN) == set()


@pytest.fixture
async def small(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Hooks]:
    """A notifier with few slots, which few bad receivers could take; no deadline frees them."""
    pacer = Pacer(PacingLimits(max_requests_in_flight=64, deadline_s=600))
    hooks = await Hooks.open(redis_url, tmp_path, pacer=pacer)
    yield hooks
    await hooks.close()


async def test_receivers_that_hang_drip_or_fail_do_not_delay_a_healthy_one(small: Hooks) -> None:
    """A request that waited for the deadline of another would wait for longer than `got`."""

    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b".")
            await asyncio.sleep(0.05)

    async with (
        Receiver.listening() as hanging,
        Receiver.listening() as dripping,
        Receiver.listening() as failing_,
        Receiver.listening() as healthy,
    ):
        hanging.answer, dripping.answer, failing_.status = hang, drip, 500
        for bad in (hanging, dripping, failing_):
            for n in range(10):
                await small.endpoint(f"{bad.url}/{n}")
        await small.endpoint(healthy.url)
        async with small.running():
            for n in range(30):
                await small.event()
                await healthy.got(n + 1)


async def test_ten_thousand_endpoints_are_dispatched_in_parts(clocked: Hooks) -> None:
    """Fewer here: enough for several parts, and each endpoint gets one delivery."""
    for n in range(450):
        await clocked.endpoint(f"https://example.test/{n}")
    await clocked.events(1)
    await clocked.work()
    assert len({request.url for request in clocked.sender.sent}) == len(clocked.sender.sent) == 450


async def test_endpoints_made_changed_and_deleted_are_seen_by_the_next_event(clocked: Hooks) -> None:
    await clocked.events(1)  # nobody there: not even a reference
    first = await clocked.endpoint("https://example.test/1")
    await clocked.events(1)
    second = await clocked.endpoint("https://example.test/2")
    await clocked.events(1)
    await clocked.endpoints.delete(TENANT, first.id)
    await clocked.events(1)
    await clocked.endpoints.change(
        TENANT,
        second.id,
        lambda e: (replace(e, config=type(e.config)(url=e.config.url, event_types=("batch.*",))), None),
    )
    await clocked.events(1)
    assert len(await clocked.deliveries_to(second)) == 2


async def test_kind_and_tag_filters_choose_among_jobs(clocked: Hooks) -> None:
    by_tag = await clocked.endpoint("https://example.test/tag", tags=("a", "b"))
    by_kind = await clocked.endpoint("https://example.test/kind", kinds=("pdf.render",))
    for kind, tags in (("test", ("a",)), ("pdf.render", ("c",)), ("test", ())):
        await clocked.event(kind=kind, tags=tags)
    await clocked.dispatcher.dispatch_new()
    assert len(await clocked.deliveries_to(by_tag)) == 1
    assert len(await clocked.deliveries_to(by_kind)) == 1
