"""The transports by which the web process pushes events, and how they drain together."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from notifier.transports.draining import spread_s
from notifier.transports.sessions import Sessions
from notifier.transports.sse import EventStreams


@dataclass(frozen=True, slots=True)
class Push:
    sessions: Sessions
    streams: EventStreams

    async def drain(self, grace_s: float) -> None:
        """Disconnects all clients gradually; returns when all are gone, or after `grace_s`."""
        await self.sessions.stop_admitting()
        over_s = spread_s(len(self.sessions) + len(self.streams.open), grace_s)
        await asyncio.gather(self.sessions.drain(over_s), self.streams.drain(over_s))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s - over_s):
                await self.sessions.all_left()
