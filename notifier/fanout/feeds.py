"""Serves the channel and batch subscriptions of this process: live events, and pages of the log.

A tenant's feed sends live events to subscriptions that are live, and pages of the log to those that
are behind. Reads are shared and bounded:

- four pages are read at a time, and one read serves all subscriptions that wait at a position;
- a small cache serves those that reach the position a little later;
- a page is read only when its subscription has used up the one before. So a thousand clients that
  catch up at once hold at most a thousand pages, and nearly all of them are the same.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from prometheus_client.registry import CollectorRegistry

from jobs.core.errors.request import CursorExpired, NotFound
from jobs.core.errors.store import StoreError
from jobs.core.events import Cursor, Event, ProgressUpdate
from jobs.store.batches import BatchStore
from jobs.store.client import raise_if_cancelled
from jobs.store.events.event_log import EventLog, EventPage
from jobs.store.events.followers import Followers
from notifier.fanout.metrics import PushMetrics
from notifier.protocol.channel_subscription import ChannelSubscription, ReplayPage
from notifier.protocol.filters import Subject
from notifier.protocol.frames import ProgressFrame
from notifier.protocol.log_event import LogEvent

log = structlog.get_logger(__name__)

_CACHED_PAGES = 64
_READERS = 4
_REMEMBERED_SUBJECTS = 10_000
"""For how many jobs a feed remembers kind, tags and batch. Filters of progress need them."""


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    page_events: int = 100
    page_bytes: int = 64 * 1024
    """A page ends before it grows larger than this, but has one event at least."""
    retry_s: float = 0.5
    """The least wait after a failed read; at most twice as long, at random."""


DEFAULT_REPLAY = ReplaySettings()


class _ReplayPosition(NamedTuple):
    """Where a subscription waits: after a cursor, or at the end of the log if it has none.

    With a batch it also waits for the batch's document.
    """

    tenant: str
    after: Cursor | None
    batch_id: str | None


@dataclass(eq=False, slots=True)
class _Feed:
    """One tenant's subscriptions, and the live events that this process has seen."""

    arrivals: int = 0
    subscriptions: set[ChannelSubscription] = field(default_factory=set)
    subjects: OrderedDict[str, Subject] = field(default_factory=OrderedDict)
    _newest: Cursor | None = None

    def note_gap(self) -> None:
        self.arrivals += 1
        self._newest = None

    def is_end(self, page: ReplayPage) -> bool:
        """Returns whether the next live event follows the page: nothing came after it."""
        if not page.is_last or page.arrivals == self.arrivals:
            return page.is_last
        newest, end = self._newest, page.end
        return newest is not None and newest.epoch == end.epoch and newest.sequence <= end.sequence

    def note(self, event: LogEvent) -> None:
        self.arrivals += 1
        self._newest = event.cursor
        subject = event.subject
        if subject.job_id is not None:
            self.subjects[subject.job_id] = subject
            self.subjects.move_to_end(subject.job_id)
            if len(self.subjects) > _REMEMBERED_SUBJECTS:
                self.subjects.popitem(last=False)


class Feeds:
    """Serves channel and batch subscriptions while `run` runs and the tail calls `on_…`."""

    def __init__(
        self,
        log: EventLog,
        followers: Followers,
        batches: BatchStore | None = None,
        replay: ReplaySettings = DEFAULT_REPLAY,
        metrics: PushMetrics | None = None,
    ) -> None:
        self._replay = replay
        self._log = log
        self._followers = followers
        self._batches = batches
        self._metrics = metrics or PushMetrics(CollectorRegistry())
        self._feeds: dict[str, _Feed] = {}
        self._waiting: OrderedDict[_ReplayPosition, dict[ChannelSubscription, None]] = OrderedDict()
        self._has_waiting = asyncio.Event()
        self._pages: OrderedDict[tuple[str, Cursor], ReplayPage] = OrderedDict()

    # --- for clients ----------------------------------------------------------------------------

    def open(self, subscription: ChannelSubscription) -> None:
        self._feeds.setdefault(subscription.tenant, _Feed()).subscriptions.add(subscription)
        self._followers.join(subscription)
        if subscription.cursor is not None and subscription.filter.batch_id is None:
            subscription.open(subscription.cursor, self)
        self.read_on(subscription)

    def close(self, subscription: ChannelSubscription) -> None:
        self._followers.leave(subscription)
        feed = self._feeds.get(subscription.tenant)
        if feed is None:
            return
        feed.subscriptions.discard(subscription)
        if not feed.subscriptions:
            del self._feeds[subscription.tenant]
        position = _position_of(subscription)
        waiting = self._waiting.get(position)
        if waiting is not None:
            waiting.pop(subscription, None)
            if not waiting:
                del self._waiting[position]

    # --- for subscriptions ----------------------------------------------------------------------

    def page_used(self, subscription: ChannelSubscription, page: ReplayPage) -> None:
        feed = self._feeds.get(subscription.tenant)
        if feed is None or subscription not in feed.subscriptions:
            return
        if feed.is_end(page):
            subscription.is_live = True
        else:
            self.read_on(subscription)

    def read_on(self, subscription: ChannelSubscription) -> None:
        self._waiting.setdefault(_position_of(subscription), {})[subscription] = None
        self._has_waiting.set()

    # --- for the tail ---------------------------------------------------------------------------

    def on_event(self, event: Event) -> bool:
        """Offers the event to the tenant's subscriptions; returns whether there are any."""
        feed = self._feeds.get(event.tenant)
        if feed is None:
            return False
        logged = LogEvent(event.cursor, event.type, event.body)
        feed.note(logged)
        for subscription in tuple(feed.subscriptions):  # copied: an offer may close a slow client
            subscription.offer(logged)
        return True

    def on_progress(self, update: ProgressUpdate) -> None:
        feed = self._feeds.get(update.tenant)
        if feed is None:
            return
        progress, subject = ProgressFrame(update), feed.subjects.get(update.job_id)
        for subscription in tuple(feed.subscriptions):
            subscription.offer_progress(progress, subject)

    def on_gap(self) -> None:
        """Makes every subscription go on from the log, because live events may be missing."""
        self._pages.clear()
        for feed in self._feeds.values():
            feed.note_gap()
            for subscription in feed.subscriptions:
                if subscription.is_live:
                    subscription.is_live = False
                    self.read_on(subscription)

    # --- reads ----------------------------------------------------------------------------------

    async def run(self, tail_ready: asyncio.Event) -> None:
        """Reads pages, once the tail is ready and sees what comes after the last page."""
        await tail_ready.wait()
        async with asyncio.TaskGroup() as group:
            for _ in range(_READERS):
                group.create_task(self._read_for_ever())

    async def _read_for_ever(self) -> None:
        while True:
            raise_if_cancelled()
            await self._has_waiting.wait()
            if not self._waiting:
                self._has_waiting.clear()
                continue
            position, subscriptions = self._waiting.popitem(last=False)
            try:
                await self._serve(position, list(subscriptions))
            except Exception as error:  # whatever failed, those that wait must be served later
                for subscription in filter(self._is_open, subscriptions):
                    self.read_on(subscription)
                if isinstance(error, StoreError):
                    log.warning("feeds.waiting", reason=str(error), positions=len(self._waiting))
                else:
                    log.exception("feeds.failed", tenant=position.tenant, after=str(position.after))
                await asyncio.sleep(self._replay.retry_s * (1 + random.random()))  # noqa: S311 (jitter)

    def _is_open(self, subscription: ChannelSubscription) -> bool:
        feed = self._feeds.get(subscription.tenant)
        return feed is not None and subscription in feed.subscriptions

    async def _serve(self, position: _ReplayPosition, subscriptions: list[ChannelSubscription]) -> None:
        """Reads one page for all that wait at a position. On a StoreError it has sent nothing."""
        tenant, after, batch_id = position
        snapshot, reset_to = None, None
        try:
            page = await self._read(tenant, after)
        except CursorExpired as error:
            reset_to = Cursor.parse(error.cursor)
            page = ReplayPage((), reset_to, is_last=False)
        needs_document = reset_to is not None or not all(each.is_open for each in subscriptions)
        if self._batches is not None and batch_id is not None and needs_document:
            try:
                # Read after the log, so that whatever the document does not show follows as events.
                snapshot = await self._batches.batch(tenant, batch_id)
            except NotFound:
                for subscription in filter(self._is_open, subscriptions):
                    subscription.not_found()
                return
        for subscription in filter(self._is_open, subscriptions):
            if not subscription.is_open:
                subscription.open(after or page.end, self, snapshot)
            if reset_to is not None:
                self._metrics.reset(subscription.reset(reset_to, snapshot))
            subscription.fill(page)

    async def _read(self, tenant: str, after: Cursor | None) -> ReplayPage:
        feed = self._feeds.get(tenant)
        arrivals = feed.arrivals if feed else 0
        if after is None:
            return ReplayPage((), await self._log.head(tenant), is_last=True, arrivals=arrivals)
        page = self._pages.get((tenant, after))
        if page is None:
            read = await self._log.page(tenant, after, self._replay.page_events)
            page = self._page_of(read, arrivals)
            if not page.is_last:  # events between two events never change
                self._pages[tenant, after] = page
                if len(self._pages) > _CACHED_PAGES:
                    self._pages.popitem(last=False)
        return page

    def _page_of(self, read: EventPage, arrivals: int) -> ReplayPage:
        epoch = read.next_cursor.epoch
        events: list[LogEvent] = []
        size = 0
        for body in read.bodies:
            size += len(body)
            if events and size > self._replay.page_bytes:
                break
            events.append(LogEvent.from_body(epoch, body))
        is_whole = len(events) == len(read.bodies)
        end = read.next_cursor if is_whole else events[-1].cursor
        return ReplayPage(events, end, is_last=is_whole and not read.has_more, arrivals=arrivals)


def _position_of(subscription: ChannelSubscription) -> _ReplayPosition:
    return _ReplayPosition(subscription.tenant, subscription.cursor, subscription.filter.batch_id)
