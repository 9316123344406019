"""A subscription to a tenant's events from a cursor on: replay, then live, without a gap and without repeats. Pure.

While it is behind, it is fed pages of the log, which its subscriber pulls event by event at its own pace; live events
do not concern it then, because the log has them too. Once a page has shown the end of the log and nothing has come
since, it is live, and takes an event only if that follows its cursor. Any other event puts it behind again. So there is
nothing to hold back and nothing to compare: the cursor alone decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from jobs.core.events import Cursor
from notifier.protocol.filters import Filter, Subject
from notifier.protocol.frames import ProgressFrame
from notifier.protocol.log_event import LogEvent

ResetReason = Literal["retention", "epoch"]


@dataclass(frozen=True, slots=True)
class ReplayPage:
    """A stretch of a log. Shared by all subscriptions at the same place."""

    events: Sequence[LogEvent]
    end: Cursor
    """After the last event; the epoch is the log's own."""
    is_last: bool
    """The log went no further when this was read."""
    arrivals: int = 0
    """How many live events the feed had seen when the reading began."""


class Reader(Protocol):
    """Where a subscription gets its pages: the feeds."""

    def page_used(self, subscription: ChannelSubscription, page: ReplayPage) -> None:
        """The subscription has come to the end of its page: makes it live, or feeds it another page later."""

    def read_on(self, subscription: ChannelSubscription) -> None:
        """Feeds it a page later."""


class ChannelSubscriber(Protocol):
    """Who subscribed: a session or an event stream, as far as a subscription knows it."""

    def opened(self, subscription: ChannelSubscription, snapshot: dict[str, Any] | None) -> None:
        """Events after `subscription.cursor` follow. A batch comes with its document."""

    def has_page(self, subscription: ChannelSubscription) -> None:
        """Events can be pulled."""

    def live_event(self, subscription: ChannelSubscription, event: LogEvent) -> None: ...

    def live_progress(self, subscription: ChannelSubscription, progress: ProgressFrame) -> None: ...

    def log_reset(
        self, subscription: ChannelSubscription, reason: ResetReason, snapshot: dict[str, Any] | None
    ) -> None:
        """Events before `subscription.cursor` are gone for good."""

    def not_found(self, subscription: ChannelSubscription) -> None:
        """There is no such batch (any more)."""


class ChannelSubscription:
    """One client's interest in the events that pass a filter.

    `cursor` is after the last event that the subscriber has pulled or been sent; None until the head is known, where
    the client gave none.
    """

    __slots__ = (
        "_index",
        "_page",
        "_reader",
        "_subscriber",
        "cursor",
        "filter",
        "id",
        "is_live",
        "is_open",
        "reply_to",
        "tenant",
    )

    def __init__(
        self,
        id: str,
        reply_to: int | str | None,
        tenant: str,
        filter: Filter,
        after: Cursor | None,
        subscriber: ChannelSubscriber,
    ) -> None:
        self.id = id
        self.reply_to = reply_to
        self.tenant = tenant
        self.filter = filter
        self.cursor = after
        self.is_live = False
        self.is_open = False
        """Whether the subscriber has been told that it began."""
        self._subscriber = subscriber
        self._reader: Reader | None = None
        self._page: ReplayPage | None = None
        self._index = 0

    # --- for the feeds ------------------------------------------------------------------------------------------

    def open(self, cursor: Cursor, reader: Reader, snapshot: dict[str, Any] | None = None) -> None:
        self.cursor = cursor
        self._reader = reader
        self.is_open = True
        self._subscriber.opened(self, snapshot)

    def fill(self, page: ReplayPage) -> None:
        """The next stretch of the log, read from `cursor` on."""
        self._page, self._index = page, 0
        self._subscriber.has_page(self)

    def go_live(self) -> None:
        self.is_live = True

    def fall_behind(self) -> None:
        """Live events may be missing: the log is to be read from the cursor on."""
        self.is_live = False

    def reset(self, cursor: Cursor, snapshot: dict[str, Any] | None = None) -> None:
        """The log cannot go on from where the subscription is; it does from `cursor`."""
        before, self.cursor = self.cursor, cursor
        # A cursor ahead of its own log saw events that the store has lost.
        is_same = before is not None and before.epoch == cursor.epoch and before.sequence <= cursor.sequence
        self._subscriber.log_reset(self, "retention" if is_same else "epoch", snapshot)

    def not_found(self) -> None:
        self._subscriber.not_found(self)

    def offer(self, event: LogEvent) -> None:
        """A live event."""
        if not self.is_live or self.cursor is None or self._reader is None:
            return
        cursor, at = event.cursor, self.cursor
        if cursor.epoch == at.epoch and cursor.sequence <= at.sequence:
            return
        if cursor.epoch == at.epoch and cursor.sequence == at.sequence + 1:
            self.cursor = cursor
            if event.passes(self.filter):
                self._subscriber.live_event(self, event)
        else:
            self.fall_behind()
            self._reader.read_on(self)

    def offer_progress(self, progress: ProgressFrame, subject: Subject | None) -> None:
        """Live progress of a job; of no interest to who is still reading what happened before."""
        if self.is_live and self.filter.admits_progress(subject):
            self._subscriber.live_progress(self, progress)

    # --- for the subscriber -------------------------------------------------------------------------------------

    def pull(self) -> LogEvent | None:
        """The next event of the replay; None where there is none now: it is live, or `has_page` will follow."""
        if self._page is None or self._reader is None:
            return None
        events = self._page.events
        while self._index < len(events):
            event = events[self._index]
            self._index += 1
            self.cursor = event.cursor
            if event.passes(self.filter):
                return event
        page, self._page = self._page, None
        self.cursor = page.end
        self._reader.page_used(self, page)
        return None
