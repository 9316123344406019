"""News passes what can wait: retries, receivers that fail, events for very many. And that goes on all the same."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from jobs.store import keys
from jobs.webhooks.credentials import Credentials
from jobs.webhooks.delivery_queue import DeliveryBatch
from jobs.webhooks.endpoint import EndpointConfig, EndpointStatus
from notifier.webhooks import pacing as news_module
from notifier.webhooks.deliverer import LATE_AT_ONCE, LATE_BESIDE_NEWS
from notifier.webhooks.dispatcher import DELIVERIES_BESIDE_NEWS, DELIVERIES_PER_CALL
from notifier.webhooks.exchange import Exchange
from testsupport.hooks import TENANT, Hooks, failing, faulty
from testsupport.waiting import eventually


async def test_new_events_pass_a_backlog_of_retries_and_retries_get_their_share(clocked: Hooks) -> None:
    await clocked.endpoint(max_in_flight=4)
    clocked.sender.answers = faulty
    await clocked.events(40)
    await clocked.work()
    await clocked.pass_time(7_000)
    clocked.sender.answers = lambda letter: Exchange(status=200)
    await clocked.events(12)
    first_tries = []
    for _ in range(4):
        for claim in (await clocked.queue.claim(4, 1000)).claims:
            first_tries.append(claim.faults == 0)
            await clocked.deliverer.deliver(claim)
    assert first_tries.count(True) == 12
    assert first_tries.count(False) == 4


async def test_what_is_late_is_taken_a_few_at_a_time_and_news_at_once(clocked: Hooks) -> None:
    await clocked.endpoint("https://late.test/", event_types=("job.queued",))
    clocked.sender.answers = faulty
    await clocked.events(8)
    await clocked.work()
    await clocked.endpoint("https://news.test/", event_types=("job.scheduled",))
    await clocked.event(scheduled_at_ms=clocked.now_ms + 1)
    await clocked.dispatcher.dispatch_new()
    await clocked.pass_time(7_000)

    (news,) = (await clocked.queue.claim(100, 1000, 0)).claims
    assert (news.url, news.part) == ("https://news.test/", "news")
    assert await clocked.redis.zcard(keys.WEBHOOK_DUE) == 8, "what is due stays due"
    haul = await clocked.queue.claim(100, 1000, 3)
    assert [claim.part for claim in haul.claims] == ["late"] * 3
    assert haul.next_due_ms == 0, "there is more"


async def test_an_event_for_very_many_does_not_hold_up_another(
    clocked: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(DELIVERIES_PER_CALL + 1):
        await clocked.endpoint(f"https://example.test/{n}")
    blocked, go_on, acknowledge = asyncio.Event(), asyncio.Event(), clocked.deliveries.acknowledge

    async def wait_after_a_part(tenant: str, key: str, owed: Any, group: str, entry: bytes) -> int:
        if not entry:
            blocked.set()
            await go_on.wait()
        return await acknowledge(tenant, key, owed, group, entry)

    monkeypatch.setattr(clocked.deliveries, "acknowledge", wait_after_a_part)
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    await blocked.wait()
    config = EndpointConfig(url="https://other.test/", event_types=("*",))
    other = await clocked.endpoints.create("other", config, Credentials.fresh())
    await clocked.event(tenant="other")
    await clocked.dispatcher.dispatch_new()
    await clocked.work()
    assert [letter.url for letter in clocked.sender.sent] == [other.config.url]
    go_on.set()
    await eventually(lambda: has_left_the_outbox(clocked))
    await clocked.work()
    assert len(clocked.sender.sent) == 1 + DELIVERIES_PER_CALL + 1


async def test_an_event_for_very_many_is_made_in_smaller_parts_beside_news(
    clocked: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[int] = []
    acknowledge = clocked.deliveries.acknowledge

    async def counted(tenant: str, key: str, owed: Any, group: str, entry: bytes) -> int:
        if tenant == TENANT:
            parts.append(len(owed))
        return await acknowledge(tenant, key, owed, group, entry)

    monkeypatch.setattr(clocked.deliveries, "acknowledge", counted)
    for n in range(DELIVERIES_PER_CALL + 1):
        await clocked.endpoint(f"https://example.test/{n}")
    await clocked.events(1)
    assert parts == [DELIVERIES_PER_CALL, 1]

    parts.clear()
    monkeypatch.setattr(news_module, "EXPECTED_S", 3600)
    config = EndpointConfig(url="https://other.test/", event_types=("*",))
    await clocked.endpoints.create("other", config, Credentials.fresh())
    await clocked.event(tenant="other")
    await clocked.dispatcher.dispatch_new()
    await clocked.events(1)
    assert sum(parts) == DELIVERIES_PER_CALL + 1
    assert max(parts) == DELIVERIES_BESIDE_NEWS


async def test_what_is_late_stands_back_for_news_but_not_for_ever(
    clocked: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    most_late: list[int] = []
    claim = clocked.queue.claim

    async def noted(want: int, most_per_target: int, late: int) -> DeliveryBatch:
        most_late.append(late)
        return await claim(want, most_per_target, late)

    monkeypatch.setattr(clocked.queue, "claim", noted)
    monkeypatch.setattr(news_module, "EXPECTED_S", 3600)
    monkeypatch.setattr("notifier.webhooks.deliverer.STAND_BACK_S", 3600)
    clocked.deliverer._late_from = time.perf_counter()  # its rest is over
    clocked.deliverer.ring()
    await clocked.deliverer.step()
    await clocked.deliverer.step()
    clocked.deliverer._late_from -= 3600
    clocked.deliverer.ring()
    await clocked.deliverer.step()
    assert most_late == [0, LATE_BESIDE_NEWS, LATE_BESIDE_NEWS]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes room for news is not released by time."""
    monkeypatch.setattr(news_module, "STAND_BACK_S", 30)


async def test_a_look_that_nobody_asked_for_waits_for_what_an_event_brings(
    clocked: Hooks, patient: None
) -> None:
    await clocked.endpoint()
    with clocked.deliverer._news.on_its_way():
        step = asyncio.create_task(clocked.deliverer.step())
        await clocked.events(1)  # its end rings
        await step
    await clocked.deliverer.settled()
    assert len(clocked.sender.sent) == 1, "the one look has found it"


async def test_outcomes_that_nobody_waits_for_let_news_pass_and_others_do_not(
    clocked: Hooks, patient: None
) -> None:
    endpoint = await clocked.endpoint()
    await clocked.events(2)
    good, bad = (await clocked.queue.claim(2, 1000)).claims
    with clocked.deliverer._news.on_its_way():
        await clocked.deliverer.deliver(good)
        clocked.sender.answers = failing()
        failed = asyncio.create_task(clocked.deliverer.deliver(bad))
        await clocked.deliverer.step()
        assert {each.status for each in await clocked.owed(endpoint)} == {"succeeded", "sending"}
    await failed
    assert {each.status for each in await clocked.owed(endpoint)} == {"succeeded", "pending"}


async def test_parts_of_an_event_for_very_many_let_news_pass(clocked: Hooks, patient: None) -> None:
    for n in range(DELIVERIES_PER_CALL + 1):
        await clocked.endpoint(f"https://example.test/{n}")
    await clocked.event()
    with clocked.deliverer._news.on_its_way():
        await clocked.dispatcher.dispatch_new()
        await clocked.redis.ping()
        assert not await clocked.redis.keys(keys.DELIVERY + "*")
    await eventually(lambda: has_left_the_outbox(clocked))


async def test_a_backlog_that_may_not_be_sent_yet_makes_looks_rest_too(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    clocked.sender.answers = faulty
    await clocked.events(2 * LATE_AT_ONCE + 1)
    await clocked.work()
    await clocked.endpoints.change(
        TENANT, endpoint.id, lambda e: (e.evolve(status=EndpointStatus.PAUSED), None)
    )
    await clocked.pass_time(7_000)
    clocked.deliverer._late_from = began = time.perf_counter()
    await clocked.deliverer.step()
    assert clocked.deliverer._late_from > began
    assert await clocked.redis.zcard(keys.WEBHOOK_DUE) > 0, "the next look goes on"


async def test_the_doorbell_tells_news_from_what_can_wait(clocked: Hooks) -> None:
    for n in range(DELIVERIES_PER_CALL + 1):
        await clocked.endpoint(f"https://example.test/{n}", event_types=("job.queued",))
    await clocked.event()
    await clocked.dispatcher.dispatch_new()
    await eventually(lambda: has_left_the_outbox(clocked))
    assert await clocked.redis.lrange(keys.WEBHOOK_DOORBELL, 0, -1) == (
        [b"news"] + [b"busy"] * DELIVERIES_PER_CALL
    )


async def has_left_the_outbox(hooks: Hooks) -> bool:
    return int(await hooks.redis.xlen(keys.OUTBOX)) == 0


async def test_what_is_not_made_in_one_step_is_no_news(clocked: Hooks) -> None:
    for n in range(DELIVERIES_PER_CALL + 5):
        await clocked.endpoint(f"https://example.test/{n}")
    await clocked.events(1)
    config = EndpointConfig(url="https://other.test/", event_types=("*",))
    await clocked.endpoints.create("other", config, Credentials.fresh())
    await clocked.event(tenant="other")
    await clocked.dispatcher.dispatch_new()
    urls = [claim.url for claim in (await clocked.queue.claim(16, 1000)).claims]
    assert "https://other.test/" in urls, "it passes those of the event for very many"
