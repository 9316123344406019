"""Limits per tenant, counted over processes that share a store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobs.store.scripts import Scripts
from notifier.fanout import tenant_limits as limits_module
from notifier.fanout.tenant_limits import Limits
from testsupport.core import Core
from testsupport.waiting import eventually


class Guest:
    """A connection that goes when it is sent away."""

    def __init__(self, limits: Limits) -> None:
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
async def process(core: Core) -> AsyncIterator[Limits]:
    limits = Limits(Scripts(core.redis, core.settings), core.settings)
    task = asyncio.create_task(limits.run())
    yield limits
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def told(core: Core, connections: int) -> None:
    """Returns once the processes have told each other of so many connections."""

    async def has_told() -> bool:
        said = await core.redis.hvals("pr:presence:acme")
        return sum(int(each.split()[0]) for each in said) == connections

    await eventually(has_told)


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


async def test_processes_count_together_and_who_came_too_late_is_sent_away(core: Core) -> None:
    async with process(core) as first, process(core) as second:
        early = [Guest(first) for _ in range(2)]
        await told(core, 2)
        late = [Guest(second) for _ in range(3)]  # this process has heard of nobody yet

        await eventually(lambda: [guest.is_in for guest in late] == [True, False, False])
        await told(core, 3)

        assert all(guest.is_in for guest in early)
        assert not Guest(second).is_in


async def test_a_process_that_died_gives_its_share_back_with_its_lease(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_module, "LEASE_MS", 300)
    monkeypatch.setattr(limits_module, "_RENEW_S", 0.1)
    async with process(core) as survivor:
        async with process(core) as dying:
            for _ in range(3):
                Guest(dying)
            await told(core, 3)

        async def has_room() -> bool:
            guest = Guest(survivor)
            await asyncio.sleep(0.3)  # it is sent away as long as the dead process counts
            return guest.is_in

        await eventually(has_room)
