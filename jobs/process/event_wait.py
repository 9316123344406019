"""Waiting for something to happen, but not for ever."""

from __future__ import annotations

import asyncio


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Returns True as soon as the event is set, False where it is not after so many `seconds`."""
    if event.is_set():  # often so, and a timer costs more than all else here
        return True
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
