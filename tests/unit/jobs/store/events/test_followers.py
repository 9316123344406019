from __future__ import annotations

import asyncio

from jobs.store.events.followers import Followers

LONG_S = 60.0


async def test_a_rest_ends_as_soon_as_somebody_joins() -> None:
    audience = Followers()
    resting = asyncio.create_task(audience.arrives(LONG_S))
    await asyncio.sleep(0)
    audience.join("a socket")
    async with asyncio.timeout(5):
        await resting
        await audience.arrives(LONG_S)


async def test_there_is_an_audience_until_the_last_has_left() -> None:
    audience = Followers()
    for member in ("a socket", "a request", "a request"):
        audience.join(member)
    for leaving in ("a request", "a request"):
        audience.leave(leaving)
        async with asyncio.timeout(5):
            await audience.arrives(LONG_S)
    audience.leave("a socket")
    resting = asyncio.create_task(audience.arrives(LONG_S))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not resting.done()
    resting.cancel()


async def test_a_rest_with_nobody_there_ends_all_the_same() -> None:
    async with asyncio.timeout(5):
        await Followers().arrives(0.001)
