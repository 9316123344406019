from __future__ import annotations

import asyncio

from jobs.process.event_wait import is_set_within


async def test_an_event_that_is_set_already_or_in_time_is_seen() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(is_set_within(event, 60))
    await asyncio.sleep(0)
    event.set()
    async with asyncio.timeout(5):
        assert await waiting
        assert await is_set_within(event, -1), "also when there is no time left"


async def test_an_event_that_is_not_set_in_time_is_given_up() -> None:
    async with asyncio.timeout(5):
        assert not await is_set_within(asyncio.Event(), 0.001)
