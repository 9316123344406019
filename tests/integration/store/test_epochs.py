"""If the store loses acknowledged writes, every reader learns that its cursor is invalid."""

from __future__ import annotations

import asyncio

import pytest

from jobs.core.errors.request import CursorExpired
from jobs.core.events import Cursor, Event
from jobs.store.events.epochs import Epochs
from jobs.store.scripts import Scripts
from testsupport.core import Core
from testsupport.event_watcher import Watcher
from testsupport.waiting import eventually


def epochs_of(core: Core) -> Epochs:
    return Epochs(Scripts(core.redis, core.settings))


async def seen_by(core: Core, *all_epochs: Epochs, jobs: int = 3) -> list[Event]:
    async with Watcher.following(core.redis) as watcher:
        for _ in range(jobs):
            job = await core.submit()
            await watcher.wait_for(job.id, "job.queued")
    for epochs in all_epochs:
        for event in watcher.events:
            epochs.saw(event)
    return watcher.events


async def forget_newest(core: Core) -> None:
    """Loses the newest event, like a promoted replica that was one event behind."""
    head = await core.log.head("acme")
    *kept, _ = await core.redis.xrange("pr:log:acme")
    await core.redis.delete("pr:log:acme")
    for entry_id, fields in kept:
        await core.redis.xadd("pr:log:acme", fields, entry_id)
    await core.redis.hset("pr:tenant:acme", "sequence", head.sequence - 1)


async def test_a_log_that_lost_no_event_keeps_its_epoch(core: Core) -> None:
    epochs = epochs_of(core)
    await seen_by(core, epochs)
    before = await core.log.head("acme")

    assert not await epochs.renew_where_lost()
    await core.redis.xtrim("pr:log:acme", maxlen=0)  # events removed by retention are not lost
    assert not await epochs.renew_where_lost()

    assert await core.log.head("acme") == before


async def test_a_log_that_lost_an_event_gets_one_new_epoch_even_if_many_readers_notice(core: Core) -> None:
    readers = [epochs_of(core) for _ in range(5)]
    await seen_by(core, *readers)
    before = await core.log.head("acme")
    await forget_newest(core)

    assert all(await asyncio.gather(*(epochs.renew_where_lost() for epochs in readers)))
    after = await core.log.head("acme")
    assert not any([await epochs.renew_where_lost() for epochs in readers])

    assert after.epoch != before.epoch
    assert after.sequence == before.sequence - 1
    assert await core.log.head("acme") == after
    with pytest.raises(CursorExpired):
        await core.log.page("acme", before, 10)


async def test_a_sequence_number_that_was_used_twice_is_noticed(core: Core) -> None:
    epochs = epochs_of(core)
    await seen_by(core, epochs)
    before = await core.log.head("acme")
    await forget_newest(core)
    await core.submit()
    assert await core.log.head("acme") == before  # the numbers alone do not show the loss

    assert await epochs.renew_where_lost()

    assert (await core.log.head("acme")).epoch != before.epoch


async def test_a_failover_too_short_to_cause_an_outage_is_noticed(core: Core) -> None:
    async with Watcher.following(core.redis, epochs_of(core)) as watcher:
        job = await core.submit()
        await watcher.wait_for(job.id, "job.queued")
        before = await core.log.head("acme")
        await forget_newest(core)
        await core.redis.client_kill_filter(_type="normal", skipme=True)
        await core.submit()
        await eventually(lambda: watcher.gaps > 0)

    after = await core.log.head("acme")
    assert after.epoch != before.epoch


async def test_a_log_that_is_recreated_in_an_emptied_store_has_a_new_epoch(core: Core) -> None:
    epochs = epochs_of(core)
    events = await seen_by(core, epochs)
    await core.redis.flushall()

    assert await epochs.renew_where_lost()
    await core.submit()

    assert (await core.log.head("acme")).epoch != events[0].epoch
    assert events[-1].cursor == Cursor(events[0].epoch, 3)
