"""Waits for a condition, with a deadline that only a failing test reaches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

DEADLINE_S = 30
"""Generous: a test that reaches it has failed."""

DEADLINE_SECONDS = 60.0
"""The same for processes that start others."""


async def eventually(
    condition: Callable[[], bool | Awaitable[Any]], *, deadline_s: float = DEADLINE_S
) -> None:
    """Returns when the condition holds; fails at the deadline.

    For conditions that send no signal.
    """
    async with asyncio.timeout(deadline_s):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.02)


async def soon(event: asyncio.Event) -> None:
    """Returns once the event is set; fails at the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        await event.wait()
