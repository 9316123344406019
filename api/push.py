"""The transports by which the web process pushes events, and how they drain together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from notifier.transports.draining import spread_s
from notifier.transports.sse import EventStreams
from notifier.transports.websocket_asgi import WebSocketEndpoint


@dataclass(frozen=True, slots=True)
class Push:
    sockets: WebSocketEndpoint
    streams: EventStreams

    async def drain(self, grace_s: float) -> None:
        """Disconnects all clients gradually; returns when all are gone, or after `grace_s`."""
        await self.streams.hub.limits.release()
        over_s = spread_s(len(self.sockets.sessions) + len(self.streams.open), grace_s)
        await asyncio.gather(self.sockets.drain(grace_s, over_s), self.streams.drain(over_s))
