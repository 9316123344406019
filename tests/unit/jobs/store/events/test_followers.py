from __future__ import annotations

import asyncio

from jobs.store.events.followers import Followers

LONG_S = 60.0


async def test_a_rest_ends_as_soon_as_somebody_joins() -> None:
    followers = Followers()
    resting = asyncio.create_task(followers.arrives(LONG_S))
    await asyncio.sleep(0)
    followers.join("a socket")
    async with asyncio.timeout(5):
        await resting
        await followers.arrives(LONG_S)


async def test_there_are_followers_until_the_last_has_left() -> None:
    followers = Followers()
    for member in ("a socket", "a request", "a request"):
        followers.join(member)
    for leaving in ("a request", "a request"):
        followers.leave(leaving)
        async with asyncio.timeout(5):
            await followers.arrives(LONG_S)
    followers.leave("a socket")
    resting = asyncio.create_task(followers.arrives(LONG_S))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not resting.done()
    resting.cancel()


async def test_a_rest_with_nobody_there_ends_all_the_same() -> None:
    async with asyncio.timeout(5):
        await Followers().arrives(0.001)
