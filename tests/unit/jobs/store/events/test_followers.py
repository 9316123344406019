from __future__ import annotations

import asyncio

from jobs.store.events.followers import Followers

LONG_S = 60.0


async def test_waiting_ends_as_soon_as_a_follower_joins() -> None:
    followers = Followers()
    waiting = asyncio.create_task(followers.arrives(LONG_S))
    await asyncio.sleep(0)
    followers.join("a socket")
    async with asyncio.timeout(5):
        await waiting
        await followers.arrives(LONG_S)


async def test_waiting_ends_at_once_until_the_last_follower_has_left() -> None:
    followers = Followers()
    for member in ("a socket", "a request", "a request"):
        followers.join(member)
    for leaving in ("a request", "a request"):
        followers.leave(leaving)
        async with asyncio.timeout(5):
            await followers.arrives(LONG_S)
    followers.leave("a socket")
    waiting = asyncio.create_task(followers.arrives(LONG_S))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_waiting_without_followers_ends_after_the_timeout() -> None:
    async with asyncio.timeout(5):
        await Followers().arrives(0.001)
