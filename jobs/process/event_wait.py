from __future__ import annotations

import asyncio


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Returns True as soon as the event is set, False if it is not set after `seconds`."""
    if event.is_set():  # often; it saves the timer, which costs most here
        return True
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
