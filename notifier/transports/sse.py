"""Event streams over HTTP, for the web process: one ASGI response for each, and their common end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from jobs.core.errors.request import TooManyConnections
from jobs.core.events import Cursor
from jobs.process.event_wait import is_set_within
from notifier.fanout.hub import TenantLimits
from notifier.protocol.event_stream import EventStream
from notifier.protocol.filters import Filter
from notifier.protocol.session import Feeds
from notifier.transports.draining import comeback_ms

HEARTBEAT_S = 15.0
"""Below the idle limits of proxies and platforms, and of clients that wait for 25 s."""
_SEND_TIMEOUT_S = 45.0
"""A client that has not read anything for so long is gone."""
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


class Desk(Protocol):
    """Where streams are served: the hub."""

    @property
    def feeds(self) -> Feeds: ...

    @property
    def limits(self) -> TenantLimits: ...


class EventStreams:
    """All streams of this process."""

    def __init__(self, desk: Desk, clock: Callable[[], float] = time.time) -> None:
        self.desk = desk
        self.clock = clock
        self.open: set[EventStream] = set()

    async def drain(self, over_s: float) -> None:
        """The process stops: every client is told to come back, not all at once."""
        leaving = tuple(self.open)
        for stream in leaving:
            stream.end(comeback_ms(over_s))
            await asyncio.sleep(over_s / len(leaving))

    def response(
        self, tenant: str, filter: Filter, after: Cursor | None, expires_at: float | None
    ) -> EventStreamResponse:
        """Events from `after` or from now on, until the client goes or its permission ends (Unix seconds).

        Raises:
            TooManyConnections: the tenant has no room for another one.
        """
        return EventStreamResponse(self, tenant, filter, after, expires_at)


class EventStreamResponse(Response):
    def __init__(
        self,
        streams: EventStreams,
        tenant: str,
        filter: Filter,
        after: Cursor | None,
        expires_at: float | None,
    ) -> None:
        super().__init__()
        self.raw_headers = list(_HEADERS)
        self._streams = streams
        self._about = (tenant, filter, after)
        self._expires_at = expires_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        else:
            news = asyncio.Event()
            stream = EventStream(self._streams.desk.feeds, *self._about, news.set)
            if not self._streams.desk.limits.connect(self._about[0], stream):
                stream.close()
                raise TooManyConnections("The tenant has too many connections open.")
            self._streams.open.add(stream)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            leaving = asyncio.create_task(_left(receive))
            leaving.add_done_callback(lambda _: news.set())
            expiry = self._end_at_expiry(stream)
            try:
                await _run(stream, news, leaving, send)
            except TimeoutError:
                return  # not read for too long: the server cuts the connection
            finally:
                if expiry is not None:
                    expiry.cancel()
                leaving.cancel()
                stream.close()
                self._streams.open.discard(stream)
                self._streams.desk.limits.disconnect(self._about[0], stream)
        await send({"type": "http.response.body", "body": b""})

    def _end_at_expiry(self, stream: EventStream) -> asyncio.TimerHandle | None:
        if self._expires_at is None:
            return None
        return asyncio.get_running_loop().call_later(self._expires_at - self._streams.clock(), stream.end, 0)


async def _run(stream: EventStream, news: asyncio.Event, leaving: asyncio.Task[None], send: Send) -> None:
    """Sends what there is until the stream has ended or the client has gone."""
    while not leaving.done():
        news.clear()
        while piece := stream.take():
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        if stream.has_ended:
            return
        if not await is_set_within(news, HEARTBEAT_S):
            stream.beat()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
