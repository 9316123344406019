"""Limits per tenant, counted over processes that share a store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobs.store.scripts import Scripts
from notifier.fanout.tenant_limits import DEFAULT_EXCHANGE_TIMING, ExchangeTiming, TenantLimits
from testsupport.core import Core
from testsupport.valkey import FaultyValkey
from testsupport.waiting import DEADLINE_S, eventually


class Guest:
    """A connection that ends when it is evicted."""

    def __init__(self, limits: TenantLimits) -> None:
        self.limits = limits
        self.is_in = limits.connect("acme", self)

    def evict(self) -> None:
        self.leave()

    def leave(self) -> None:
        self.is_in = False
        self.limits.disconnect("acme", self)


@pytest.fixture
async def core(redis: object, redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path, PRESSRUN_MAX_CONNECTIONS="3", PRESSRUN_MAX_SUBSCRIPTIONS="5")
    yield core
    await core.redis.aclose()


@contextlib.asynccontextmanager
async def process(
    core: Core, timing: ExchangeTiming = DEFAULT_EXCHANGE_TIMING
) -> AsyncIterator[TenantLimits]:
    limits = TenantLimits(Scripts(core.redis, core.settings), core.settings, timing)
    task = asyncio.create_task(limits.run())
    yield limits
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def shared(core: Core, connections: int) -> None:
    """Returns when the processes have shared counts of this many connections in all."""

    async def are_shared() -> bool:
        counts = await core.redis.hvals("pr:presence:acme")
        return sum(int(each.split()[0]) for each in counts) == connections

    await eventually(are_shared)


async def test_one_process_keeps_the_limit_at_once(core: Core) -> None:
    async with process(core) as limits:
        guests = [Guest(limits) for _ in range(4)]
        assert [guest.is_in for guest in guests] == [True, True, True, False]
        guests[0].leave()
        assert Guest(limits).is_in


async def test_subscriptions_are_limited_as_well(core: Core) -> None:
    async with process(core) as limits:
        assert [limits.subscribe("acme") for _ in range(6)] == [True] * 5 + [False]
        limits.unsubscribe("acme")
        assert limits.subscribe("acme")
        assert limits.subscribe("globex")


async def test_processes_count_together_and_evict_the_newest_clients(core: Core) -> None:
    async with process(core) as first, process(core) as second:
        early = [Guest(first) for _ in range(2)]
        await shared(core, 2)
        late = [Guest(second) for _ in range(3)]  # this process knows of no others yet

        await eventually(lambda: [guest.is_in for guest in late] == [True, False, False])
        await shared(core, 3)

        assert all(guest.is_in for guest in early)
        assert not Guest(second).is_in


async def test_the_counts_of_a_process_that_died_end_with_its_lease(core: Core) -> None:
    timing = ExchangeTiming(lease_ms=300, renew_s=0.1)
    async with process(core, timing) as survivor:
        async with process(core, timing) as dying:
            for _ in range(3):
                Guest(dying)
            await shared(core, 3)

        survivor.exchanged.watch()
        async with asyncio.timeout(DEADLINE_S):
            while True:
                guest = Guest(survivor)
                for _ in range(2):  # the first exchange may have begun before the guest came
                    await survivor.exchanged.next()
                if guest.is_in:
                    break


async def test_a_process_that_stops_gives_its_share_back_at_once(core: Core) -> None:
    async with process(core) as survivor, process(core) as stopping:
        guests = [Guest(stopping) for _ in range(3)]
        stopping.subscribe("acme")
        await shared(core, 3)

        await stopping.release()
        assert await core.redis.hvals("pr:presence:acme") == []
        assert [Guest(survivor).is_in for _ in range(3)] == [True] * 3
        await shared(core, 3)
        stopping.exchanged.watch()
        guests[0].leave()
        await stopping.exchanged.next()

        await shared(core, 3)  # of the survivor: the other shares nothing any more
        assert [guest.is_in for guest in guests] == [False, True, True]


async def test_a_refused_client_causes_an_exchange(core: Core) -> None:
    timing = ExchangeTiming(renew_s=3600)
    async with process(core, timing) as first, process(core, timing) as second:
        early = [Guest(first) for _ in range(3)]
        await shared(core, 3)
        second.exchanged.watch()
        late = Guest(second)
        await second.exchanged.next()
        assert not late.is_in

        for guest in early:
            guest.leave()
        await shared(core, 0)
        await eventually(lambda: Guest(second).is_in)


async def test_a_process_stops_although_the_store_is_away(own_valkey: FaultyValkey, tmp_path: Path) -> None:
    core = Core.open(own_valkey.url, tmp_path)
    timing = ExchangeTiming(release_timeout_s=0.2)
    async with process(core, timing) as limits:
        Guest(limits)
        own_valkey.stop()
        await limits.release()
    await core.redis.aclose()
