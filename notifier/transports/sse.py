"""Serves event streams over HTTP, as ASGI responses of the web process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from jobs.core.errors.request import TooManyConnections
from jobs.core.events import Cursor
from jobs.process.event_wait import is_set_within
from notifier.fanout.hub import Hub
from notifier.protocol.event_stream import EventStream
from notifier.protocol.filters import Filter
from notifier.transports.draining import comeback_ms


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """How long a stream is silent, and how long it waits for its client."""

    heartbeat_s: float = 15.0
    """Below the idle limits of proxies and platforms, and of clients that wait for 25 s."""
    send_timeout_s: float = 45.0
    """A client that reads nothing for this long is disconnected."""


DEFAULT_STREAM_TIMING = StreamTiming()
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


class EventStreams:
    def __init__(
        self, hub: Hub, clock: Callable[[], float] = time.time, timing: StreamTiming = DEFAULT_STREAM_TIMING
    ) -> None:
        self.hub = hub
        self.timing = timing
        self.clock = clock
        self.open: set[EventStream] = set()

    async def drain(self, over_s: float) -> None:
        """Ends all streams within `over_s`, and tells each client when to reconnect."""
        leaving = tuple(self.open)
        for stream in leaving:
            stream.end(comeback_ms(over_s))
            await asyncio.sleep(over_s / len(leaving))


class EventStreamResponse(Response):
    """Sends the events after a cursor, or from now on.

    It ends when the client goes, its permission expires (`expires_at`, Unix seconds), or the
    process stops.

    Raises:
        TooManyConnections: when it is called: the tenant has as many connections as it may have.
    """

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
        self._subscription = (tenant, filter, after)
        self._expires_at = expires_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            return await send({"type": "http.response.body", "body": b""})
        streams, tenant = self._streams, self._subscription[0]
        wake_up = asyncio.Event()
        stream = EventStream(streams.hub.feeds, *self._subscription, wake_up.set)
        if not streams.hub.limits.connect(tenant, stream):
            stream.close()
            raise TooManyConnections(
                "The tenant has as many connections open as it may have (PRESSRUN_MAX_CONNECTIONS). "
                "Try again later, or close some."
            )
        streams.open.add(stream)
        leaving = asyncio.create_task(_left(receive))
        leaving.add_done_callback(lambda _: wake_up.set())
        expiry = None
        if self._expires_at is not None:
            left_s = self._expires_at - streams.clock()
            expiry = asyncio.get_running_loop().call_later(left_s, stream.end, 0)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _run(stream, wake_up, leaving, send, streams.timing)
        except TimeoutError:
            return None  # the client does not read: the server cuts the connection
        finally:
            if expiry is not None:
                expiry.cancel()
            leaving.cancel()
            stream.close()
            streams.open.discard(stream)
            streams.hub.limits.disconnect(tenant, stream)
        return await send({"type": "http.response.body", "body": b""})


async def _run(
    stream: EventStream,
    wake_up: asyncio.Event,
    leaving: asyncio.Task[None],
    send: Send,
    timing: StreamTiming,
) -> None:
    """Sends what the stream has until it ends or the client has gone."""
    while not leaving.done():
        wake_up.clear()
        while piece := stream.take():
            async with asyncio.timeout(timing.send_timeout_s):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        if stream.has_ended:
            return
        if not await is_set_within(wake_up, timing.heartbeat_s):
            stream.beat()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
