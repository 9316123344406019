"""A subscription to a tenant's events after a cursor: replays the log, then follows live events.

A subscription has two states:

- *Behind*: it reads pages of the log, which its listener pulls event by event at its own pace. It
  ignores live events, because the log has them, too.
- *Live*: a page has shown the end of the log, and nothing has come since. It takes a live event
  only if that follows its cursor. Any other event shows that it missed something, and puts it
  behind again.

So every event arrives once and in order, and there is no buffer between replay and live events
that could overflow.
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
    """Consecutive events of a log, shared by all subscriptions at the same cursor."""

    events: Sequence[LogEvent]
    end: Cursor
    """The cursor after the last event, in the epoch of the log."""
    is_last: bool
    """Whether the page reached the end of the log when it was read."""
    arrivals: int = 0
    """How many live events the tenant's feed had counted when the read began."""


class PageSource(Protocol):
    """Reads pages of the log for subscriptions: the feeds."""

    def page_used(self, subscription: ChannelSubscription, page: ReplayPage) -> None:
        """Handles the end of a page: makes the subscription live, or fills in a page later."""

    def read_on(self, subscription: ChannelSubscription) -> None:
        """Fills in a page later."""


class ChannelListener(Protocol):
    """Receives what a channel subscription has for its client: a session or an event stream."""

    def opened(self, subscription: ChannelSubscription, snapshot: dict[str, Any] | None) -> None:
        """Events after `subscription.cursor` follow. For a batch, `snapshot` is its document."""

    def has_page(self, subscription: ChannelSubscription) -> None:
        """Events can be pulled."""

    def live_event(self, subscription: ChannelSubscription, event: LogEvent) -> None: ...

    def live_progress(self, subscription: ChannelSubscription, progress: ProgressFrame) -> None: ...

    def log_reset(
        self, subscription: ChannelSubscription, reason: ResetReason, snapshot: dict[str, Any] | None
    ) -> None:
        """Events before `subscription.cursor` are lost."""

    def not_found(self, subscription: ChannelSubscription) -> None:
        """The batch does not exist, or no longer."""


@dataclass(eq=False, slots=True)
class ChannelSubscription:
    """One client's subscription to the events that pass a filter."""

    id: str
    reply_to: int | str | None
    tenant: str
    filter: Filter
    cursor: Cursor | None
    """The position after the last event that the listener has pulled or was sent. If the client
    gave none, it is None until the head of the log is known."""
    _listener: ChannelListener
    is_live: bool = False
    """Set by the feeds. While it is not, live events are ignored."""
    is_open: bool = False
    """Whether the listener was told that the subscription has begun."""
    _source: PageSource | None = None
    _page: ReplayPage | None = None
    _index: int = 0

    # --- for the feeds --------------------------------------------------------------------------

    def open(self, cursor: Cursor, source: PageSource, snapshot: dict[str, Any] | None = None) -> None:
        self.cursor = cursor
        self._source = source
        self.is_open = True
        self._listener.opened(self, snapshot)

    def fill(self, page: ReplayPage) -> None:
        """Takes the next page of the log, read from `cursor` on."""
        self._page, self._index = page, 0
        self._listener.has_page(self)

    def reset(self, cursor: Cursor, snapshot: dict[str, Any] | None = None) -> ResetReason:
        """Goes on from `cursor`, because the log has lost what follows the old one.

        Returns why it has.
        """
        before, self.cursor = self.cursor, cursor
        # A cursor ahead of its log has passed events that the store then lost.
        is_same = before is not None and before.epoch == cursor.epoch and before.sequence <= cursor.sequence
        reason: ResetReason = "retention" if is_same else "epoch"
        self._listener.log_reset(self, reason, snapshot)
        return reason

    def not_found(self) -> None:
        self._listener.not_found(self)

    def offer(self, event: LogEvent) -> None:
        """Takes a live event if it is the next one; else falls behind."""
        if not self.is_live or self.cursor is None or self._source is None:
            return
        cursor, at = event.cursor, self.cursor
        if cursor.epoch == at.epoch and cursor.sequence <= at.sequence:
            return
        if cursor.epoch == at.epoch and cursor.sequence == at.sequence + 1:
            self.cursor = cursor
            if event.passes(self.filter):
                self._listener.live_event(self, event)
        else:
            self.is_live = False
            self._source.read_on(self)

    def offer_progress(self, progress: ProgressFrame, subject: Subject | None) -> None:
        if self.is_live and self.filter.admits_progress(subject):
            self._listener.live_progress(self, progress)

    # --- for the listener -----------------------------------------------------------------------

    def pull(self) -> LogEvent | None:
        """Returns the next replayed event, or None.

        After None the subscription is live, or `has_page` follows.
        """
        if self._page is None or self._source is None:
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
        self._source.page_used(self, page)
        return None
