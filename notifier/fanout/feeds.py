"""The event logs of all tenants, on their way to the channel subscriptions of this process.

A feed hands live events to the subscriptions that are live and pages of the log to those that are behind. Reading is
shared and bounded: a few pages at a time, one reading for all who wait at the same place, and a small cache for those
who come to it a little later. A page is read only for a subscriber that has used up the one before, so a thousand
clients that catch up at once hold a thousand pages at most, nearly all of them the same ones.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from typing import Any, NamedTuple, Protocol

import structlog

from jobs.core.errors.request import CursorExpired, NotFound
from jobs.core.errors.store import StoreError
from jobs.core.events import Cursor, Event, ProgressUpdate
from jobs.store.events.event_log import EventPage
from jobs.store.events.followers import Followers
from notifier.protocol.channel_subscription import ChannelSubscription, ReplayPage
from notifier.protocol.filters import Subject
from notifier.protocol.frames import ProgressFrame
from notifier.protocol.log_event import LogEvent

log = structlog.get_logger(__name__)

_PAGE_EVENTS = 100
_PAGE_BYTES = 64 * 1024
_CACHED_PAGES = 64
_READERS = 4
_RETRY_S = 0.5
_REMEMBERED_SUBJECTS = 10_000
"""How many jobs a feed knows by kind, tags and batch, to tell whose progress passes a filter."""


class EventPages(Protocol):
    """What feeds ask of `EventLog`."""

    async def head(self, tenant: str) -> Cursor: ...

    async def page(self, tenant: str, after: Cursor | None, limit: int) -> EventPage: ...


class Batches(Protocol):
    """What feeds ask of `JobStore`."""

    async def batch(self, tenant: str, batch_id: str) -> dict[str, Any]: ...


class _Place(NamedTuple):
    """What a reading is for. Without a cursor: the end of the log. With a batch: its document, too."""

    tenant: str
    after: Cursor | None
    batch_id: str | None


class _Feed:
    """One tenant's live end, as this process has seen it."""

    __slots__ = ("_newest", "arrivals", "subjects", "subscriptions")

    def __init__(self) -> None:
        self.arrivals = 0
        self._newest: Cursor | None = None
        self.subscriptions: set[ChannelSubscription] = set()
        self.subjects: OrderedDict[str, Subject] = OrderedDict()

    def note_gap(self) -> None:
        self.arrivals += 1
        self._newest = None

    def is_end(self, page: ReplayPage) -> bool:
        """Whether nothing came after the page, so that the next live event follows it."""
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
    """Serves channel and batch subscriptions. Needs to be fed by the tail, and to `run`."""

    def __init__(self, log: EventPages, audience: Followers, batches: Batches | None = None) -> None:
        self._log = log
        self._audience = audience
        self._batches = batches
        self._feeds: dict[str, _Feed] = {}
        self._waiting: OrderedDict[_Place, dict[ChannelSubscription, None]] = OrderedDict()
        self._has_waiting = asyncio.Event()
        self._pages: OrderedDict[tuple[str, Cursor], ReplayPage] = OrderedDict()

    # --- for subscribers ----------------------------------------------------------------------------------------

    def open(self, subscription: ChannelSubscription) -> None:
        """Feeds it until `close`."""
        self._feeds.setdefault(subscription.tenant, _Feed()).subscriptions.add(subscription)
        self._audience.join(subscription)
        if subscription.cursor is not None and subscription.filter.batch_id is None:
            subscription.open(subscription.cursor, self)
        self.read_on(subscription)

    def close(self, subscription: ChannelSubscription) -> None:
        """Harmless to repeat."""
        self._audience.leave(subscription)
        feed = self._feeds.get(subscription.tenant)
        if feed is None:
            return
        feed.subscriptions.discard(subscription)
        if not feed.subscriptions:
            del self._feeds[subscription.tenant]
        place = _place_of(subscription)
        waiting = self._waiting.get(place)
        if waiting is not None:
            waiting.pop(subscription, None)
            if not waiting:
                del self._waiting[place]

    # --- for subscriptions --------------------------------------------------------------------------------------

    def page_used(self, subscription: ChannelSubscription, page: ReplayPage) -> None:
        feed = self._feeds.get(subscription.tenant)
        if feed is None or subscription not in feed.subscriptions:
            return
        if feed.is_end(page):
            subscription.go_live()
        else:
            self.read_on(subscription)

    def read_on(self, subscription: ChannelSubscription) -> None:
        self._waiting.setdefault(_place_of(subscription), {})[subscription] = None
        self._has_waiting.set()

    # --- for the tail -------------------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Hands a live event to the subscriptions of its tenant."""
        feed = self._feeds.get(event.tenant)
        if feed is None:
            return
        logged = LogEvent.of(event)
        feed.note(logged)
        for subscription in tuple(feed.subscriptions):  # a slow client may drop out on the way
            subscription.offer(logged)

    def on_progress(self, update: ProgressUpdate) -> None:
        """Hands live progress to the subscriptions of its tenant."""
        feed = self._feeds.get(update.tenant)
        if feed is None:
            return
        progress, subject = ProgressFrame(update), feed.subjects.get(update.job_id)
        for subscription in tuple(feed.subscriptions):
            subscription.offer_progress(progress, subject)

    def on_gap(self) -> None:
        """Events may be missing: every subscription goes on from the log."""
        self._pages.clear()
        for feed in self._feeds.values():
            feed.note_gap()
            for subscription in feed.subscriptions:
                if subscription.is_live:
                    subscription.fall_behind()
                    self.read_on(subscription)

    # --- reading ------------------------------------------------------------------------------------------------

    async def run(self, tail_ready: asyncio.Event) -> None:
        """Reads for ever. The end of a log means something only once the tail sees what comes after."""
        await tail_ready.wait()
        async with asyncio.TaskGroup() as group:
            for _ in range(_READERS):
                group.create_task(self._read_for_ever())

    async def _read_for_ever(self) -> None:
        while True:
            await self._has_waiting.wait()
            if not self._waiting:
                self._has_waiting.clear()
                continue
            place, subscriptions = self._waiting.popitem(last=False)
            try:
                await self._serve(place, list(subscriptions))
            except Exception as error:  # whatever it is, nobody who waits may be forgotten
                for subscription in filter(self._is_open, subscriptions):
                    self.read_on(subscription)
                if isinstance(error, StoreError):
                    log.warning("feeds.waiting", reason=str(error), places=len(self._waiting))
                else:
                    log.exception("feeds.failed", tenant=place.tenant, after=str(place.after))
                await asyncio.sleep(_RETRY_S * (1 + random.random()))  # noqa: S311 (jitter)

    def _is_open(self, subscription: ChannelSubscription) -> bool:
        feed = self._feeds.get(subscription.tenant)
        return feed is not None and subscription in feed.subscriptions

    async def _serve(self, place: _Place, subscriptions: list[ChannelSubscription]) -> None:
        """One reading for all who wait at this place; on a StoreError nothing has been said to anybody."""
        tenant, after, batch_id = place
        snapshot, reset_to = None, None
        try:
            page = await self._read(tenant, after)
        except CursorExpired as error:
            reset_to = Cursor.parse(error.cursor)
            page = ReplayPage((), reset_to, is_last=False)
        needs_document = reset_to is not None or not all(each.is_open for each in subscriptions)
        if self._batches is not None and batch_id is not None and needs_document:
            try:
                # After the log: what the document does not show yet is among the events that follow.
                snapshot = await self._batches.batch(tenant, batch_id)
            except NotFound:
                for subscription in filter(self._is_open, subscriptions):
                    subscription.not_found()
                return
        for subscription in filter(self._is_open, subscriptions):
            if not subscription.is_open:
                subscription.open(after or page.end, self, snapshot)
            if reset_to is not None:
                subscription.reset(reset_to, snapshot)
            subscription.fill(page)

    async def _read(self, tenant: str, after: Cursor | None) -> ReplayPage:
        feed = self._feeds.get(tenant)
        arrivals = feed.arrivals if feed else 0
        if after is None:
            return ReplayPage((), await self._log.head(tenant), is_last=True, arrivals=arrivals)
        page = self._pages.get((tenant, after))
        if page is None:
            read = await self._log.page(tenant, after, _PAGE_EVENTS)
            page = _page_of(read, arrivals)
            if not page.is_last:  # what lies between two events never changes
                self._pages[tenant, after] = page
                if len(self._pages) > _CACHED_PAGES:
                    self._pages.popitem(last=False)
        return page


def _place_of(subscription: ChannelSubscription) -> _Place:
    return _Place(subscription.tenant, subscription.cursor, subscription.filter.batch_id)


def _page_of(read: EventPage, arrivals: int) -> ReplayPage:
    """As much of what was read as a client may have waiting; one event at least."""
    epoch = read.next_cursor.epoch
    events: list[LogEvent] = []
    size = 0
    for body in read.bodies:
        size += len(body)
        if events and size > _PAGE_BYTES:
            break
        events.append(LogEvent.from_body(epoch, body))
    is_whole = len(events) == len(read.bodies)
    end = read.next_cursor if is_whole else events[-1].cursor
    return ReplayPage(events, end, is_last=is_whole and len(events) < _PAGE_EVENTS, arrivals=arrivals)
