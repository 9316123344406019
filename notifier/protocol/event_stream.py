"""One client's server-sent events (WHATWG HTML, section 9.2): what a channel subscription says, as text. Pure.

The counterpart of `session` for clients that only read. `id:` is the cursor; heartbeats move it forward too, so that a
quiet, filtered stream can be resumed however long it was quiet. What waits is bounded as it is for a WebSocket: a
client that falls too far behind is cut off, and resumes from its last id.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from jobs.core.events import Cursor
from notifier.protocol.channel_subscription import ChannelSubscription, ResetReason
from notifier.protocol.filters import Filter
from notifier.protocol.frames import ProgressFrame
from notifier.protocol.log_event import LogEvent
from notifier.protocol.send_buffer import SendBuffer
from notifier.protocol.session import Feeds

RETRY_MS = 2000
"""How long a client should wait before it reconnects, give or take half of it."""
_CHUNK_BYTES = 32 * 1024


class EventStream:
    """`take` what there is whenever `wake` was called; `close` it when the client has gone."""

    def __init__(
        self, feeds: Feeds, tenant: str, filter: Filter, after: Cursor | None, wake: Callable[[], None]
    ) -> None:
        self._feeds = feeds
        self._wake = wake
        self._outbox = SendBuffer()
        self._is_replaying = False
        self.has_ended = False
        """Set once the stream is to be ended, after what is left."""
        self._subscription = ChannelSubscription("", None, tenant, filter, after, self)
        feeds.open(self._subscription)

    # --- for the adapter ------------------------------------------------------------------------------------------

    def take(self) -> bytes:
        """The next piece of the stream; empty where there is nothing to send now."""
        pieces, size = [], 0
        while size < _CHUNK_BYTES and (piece := self._next()) is not None:
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def beat(self) -> None:
        """Nothing was sent for a while: keeps proxies and the client from giving up, and moves the cursor."""
        cursor = self._subscription.cursor if self._subscription.is_open else None
        self._put(b": \n" + (_id(cursor) if cursor else b"") + b"\n")

    def end(self, retry_ms: int | None = None) -> None:
        """No more events; the client shall come back after `retry_ms`."""
        if not self.has_ended:
            if retry_ms is not None:
                self._put(b"retry: %d\n\n" % retry_ms)
            self.close()
            self.has_ended = True
            self._wake()

    def evict(self) -> None:
        """The tenant turned out to have too many connections."""
        self.end()

    def close(self) -> None:
        """Harmless to repeat."""
        self._feeds.close(self._subscription)
        self._is_replaying = False

    # --- what its subscription calls ------------------------------------------------------------------------------

    def opened(self, subscription: ChannelSubscription, snapshot: dict[str, Any] | None) -> None:
        # With the cursor, so that a client that is cut off before the first event loses none.
        jittered_ms = int(RETRY_MS * (0.5 + random.random()))  # noqa: S311
        self._put(b"retry: %d\n%b\n" % (jittered_ms, _id(subscription.cursor)))
        if snapshot is not None:
            self._put(_message("snapshot", json.dumps(snapshot).encode()))

    def has_page(self, subscription: ChannelSubscription) -> None:
        self._is_replaying = True
        self._wake()

    def live_event(self, subscription: ChannelSubscription, event: LogEvent) -> None:
        if event.subject.job_id is not None:
            self._outbox.drop_progress(event.subject.job_id)  # overtaken
        self._put(_event(event))

    def live_progress(self, subscription: ChannelSubscription, progress: ProgressFrame) -> None:
        self._outbox.put_progress(progress.job_id, _message("progress", progress.as_data()))
        self._wake()

    def log_reset(
        self, subscription: ChannelSubscription, reason: ResetReason, snapshot: dict[str, Any] | None
    ) -> None:
        said: dict[str, Any] = {"reason": reason, "cursor": str(subscription.cursor)}
        if snapshot is not None:
            said["snapshot"] = snapshot
        self._put(_id(subscription.cursor) + _message("reset", json.dumps(said).encode()))

    def not_found(self, subscription: ChannelSubscription) -> None:
        self._put(_message("error", b'{"code":"batch_not_found"}'))
        self.end()

    # --- state ------------------------------------------------------------------------------------------------------

    def _next(self) -> bytes | None:
        piece = self._outbox.take()
        if piece is None and self._is_replaying:
            event = self._subscription.pull()
            if event is not None:
                return _event(event)
            self._is_replaying = False
        return piece or self._outbox.take_progress()

    def _put(self, piece: bytes) -> None:
        if self.has_ended:
            return
        if self._outbox.put(piece):
            self._wake()
        else:
            self.end()


def _id(cursor: Cursor | None) -> bytes:
    return b"id: %b\n" % str(cursor).encode()


def _message(type: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (type.encode(), data)


def _event(event: LogEvent) -> bytes:
    return _id(event.cursor) + _message(event.type, event.body)
