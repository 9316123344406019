"""One client's server-sent events (WHATWG HTML, section 9.2), without I/O.

This is what `session` is for WebSockets, for clients that only read. `id:` is the cursor.
Heartbeats carry it, too, so that a filtered stream can be resumed after a long time without events.
The send buffer is bounded as for a WebSocket: a client that falls too far behind is disconnected,
and resumes from its last id.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from jobs.core.events import Cursor
from notifier.protocol.channel_subscription import ChannelSubscription, ResetReason
from notifier.protocol.fanout_interface import ChannelFanout
from notifier.protocol.filters import Filter
from notifier.protocol.frames import ProgressFrame
from notifier.protocol.log_event import LogEvent
from notifier.protocol.send_buffer import SendBuffer

RETRY_MS = 2000
"""How long clients wait before they reconnect: on average, each is told a random time."""
_CHUNK_BYTES = 32 * 1024


class EventStream:
    """Turns a channel subscription into the text of server-sent events.

    After `wake` was called, the transport sends what `take` returns. It calls `close` when the
    client has gone.
    """

    def __init__(
        self,
        feeds: ChannelFanout,
        tenant: str,
        filter: Filter,
        after: Cursor | None,
        wake: Callable[[], None],
    ) -> None:
        self._feeds = feeds
        self._wake = wake
        self._buffer = SendBuffer()
        self._is_replaying = False
        self.has_ended = False
        """Set when the transport must end the response, after what `take` still returns."""
        self._subscription = ChannelSubscription("", None, tenant, filter, after, self)
        feeds.open(self._subscription)

    # --- for the transport ----------------------------------------------------------------------

    def take(self) -> bytes:
        """Returns the next bytes to send; empty if there are none now."""
        pieces, size = [], 0
        while size < _CHUNK_BYTES and (piece := self._next()) is not None:
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def beat(self) -> None:
        """Adds a comment with the cursor, so that proxies and the client do not give up."""
        cursor = self._subscription.cursor if self._subscription.is_open else None
        self._put(b": \n" + (_id(cursor) if cursor else b"") + b"\n")

    def end(self, retry_ms: int | None = None) -> None:
        """Ends the stream; tells the client to reconnect after `retry_ms`, if given."""
        if not self.has_ended:
            if retry_ms is not None:
                self._put(b"retry: %d\n\n" % retry_ms)
            self.close()
            self.has_ended = True
            self._wake()

    def evict(self) -> None:
        self.end()

    def close(self) -> None:
        self._feeds.close(self._subscription)
        self._is_replaying = False

    # --- what its subscription calls ------------------------------------------------------------

    def opened(self, subscription: ChannelSubscription, snapshot: dict[str, Any] | None) -> None:
        # With the cursor, a client that is cut off before the first event misses none.
        jittered_ms = int(RETRY_MS * (0.5 + random.random()))  # noqa: S311
        self._put(b"retry: %d\n%b\n" % (jittered_ms, _id(subscription.cursor)))
        if snapshot is not None:
            self._put(_message("snapshot", json.dumps(snapshot).encode()))

    def has_page(self, subscription: ChannelSubscription) -> None:
        self._is_replaying = True
        self._wake()

    def live_event(self, subscription: ChannelSubscription, event: LogEvent) -> None:
        if event.subject.job_id is not None:
            self._buffer.drop_progress(event.subject.job_id)  # the event is newer
        self._put(_event(event))

    def live_progress(self, subscription: ChannelSubscription, progress: ProgressFrame) -> None:
        self._buffer.put_progress(progress.job_id, _message("progress", progress.as_data()))
        self._wake()

    def log_reset(
        self, subscription: ChannelSubscription, reason: ResetReason, snapshot: dict[str, Any] | None
    ) -> None:
        data: dict[str, Any] = {"reason": reason, "cursor": str(subscription.cursor)}
        if snapshot is not None:
            data["snapshot"] = snapshot
        self._put(_id(subscription.cursor) + _message("reset", json.dumps(data).encode()))

    def not_found(self, subscription: ChannelSubscription) -> None:
        self._put(_message("error", b'{"code":"batch_not_found"}'))
        self.end()

    # --- state ----------------------------------------------------------------------------------

    def _next(self) -> bytes | None:
        piece = self._buffer.take()
        if piece is None and self._is_replaying:
            event = self._subscription.pull()
            if event is not None:
                return _event(event)
            self._is_replaying = False
        return piece or self._buffer.take_progress()

    def _put(self, piece: bytes) -> None:
        if self.has_ended:
            return
        if self._buffer.put(piece):
            self._wake()
        else:
            self.end()


def _id(cursor: Cursor | None) -> bytes:
    return b"id: %b\n" % str(cursor).encode()


def _message(type: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (type.encode(), data)


def _event(event: LogEvent) -> bytes:
    return _id(event.cursor) + _message(event.type, event.body)
