from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.core.errors.request import NotFound
from jobs.core.events import Cursor, Event
from jobs.core.job import Job
from jobs.store.events.event_log import EventPage
from jobs.store.events.followers import Followers
from notifier.fanout.feeds import Feeds, ReplaySettings
from notifier.protocol.channel_subscription import ChannelSubscription, ResetReason
from notifier.protocol.filters import EVERYTHING, Filter
from notifier.protocol.frames import ProgressFrame
from notifier.protocol.log_event import LogEvent
from testsupport.push_fakes import Records
from testsupport.sample_events import make_job, make_progress
from testsupport.waiting import DEADLINE_S, eventually, soon

JOB = make_job()


class Follower:
    """A listener that pulls as soon as it can, if it is `eager`."""

    def __init__(
        self,
        feeds: Feeds,
        after: Cursor | None = None,
        filter: Filter = EVERYTHING,
        *,
        tenant: str = "acme",
        eager: bool = True,
    ) -> None:
        self.told: list[tuple[str, Any]] = []
        self.eager = eager
        self._feeds = feeds
        self.subscription = ChannelSubscription("s1", 1, tenant, filter, after, self)
        feeds.open(self.subscription)

    @property
    def sequences(self) -> list[int]:
        return [about for what, about in self.told if what == "event"]

    def pull(self) -> None:
        while (event := self.subscription.pull()) is not None:
            self.told.append(("event", event.cursor.sequence))

    def opened(self, subscription: ChannelSubscription, snapshot: dict[str, Any] | None) -> None:
        self.told.append(("opened", str(subscription.cursor)))
        if snapshot:
            self.told.append(("snapshot", snapshot))

    def has_page(self, subscription: ChannelSubscription) -> None:
        if self.eager:
            self.pull()

    def live_event(self, subscription: ChannelSubscription, event: LogEvent) -> None:
        self.told.append(("event", event.cursor.sequence))

    def live_progress(self, subscription: ChannelSubscription, progress: ProgressFrame) -> None:
        self.told.append(("progress", progress.job_id))

    def log_reset(
        self, subscription: ChannelSubscription, reason: ResetReason, snapshot: dict[str, Any] | None
    ) -> None:
        self.told.append(("reset", (reason, str(subscription.cursor))))

    def not_found(self, subscription: ChannelSubscription) -> None:
        self.told.append(("gone", None))
        self._feeds.close(subscription)

    async def until(self, done: Callable[[], bool]) -> None:
        await eventually(done)

    async def live(self) -> None:
        await self.until(lambda: self.subscription.is_live)


@contextlib.asynccontextmanager
async def running(feeds: Feeds) -> AsyncIterator[Feeds]:
    ready = asyncio.Event()
    ready.set()
    task = asyncio.create_task(feeds.run(ready))
    yield feeds
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
async def feeds(records: Records) -> AsyncIterator[Feeds]:
    async with running(Feeds(records, Followers())) as feeds:
        yield feeds


def at(sequence: int) -> Cursor:
    return Cursor("k3f9", sequence)


async def test_without_a_cursor_a_subscription_begins_now(feeds: Feeds, records: Records) -> None:
    records.append(JOB, 1)
    follower = Follower(feeds)
    await follower.live()

    feeds.on_event(records.append(JOB, 2))

    assert follower.told == [("opened", "k3f9.1"), ("event", 2)]


async def test_with_a_cursor_a_subscription_replays_what_follows_and_then_is_live(
    feeds: Feeds, records: Records
) -> None:
    for _ in range(5):
        records.append(JOB, 2)
    follower = Follower(feeds, at(2))
    await follower.live()

    feeds.on_event(records.append(JOB, 3))

    assert follower.told == [("opened", "k3f9.2"), *(("event", sequence) for sequence in (3, 4, 5, 6))]


class SlowLog(Records):
    """Holds each page, after it was read, until the test allows it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Semaphore(0)
        self.allowed = asyncio.Semaphore(0)

    async def page(self, tenant: str, after: Cursor | None, limit: int) -> EventPage:
        page = await super().page(tenant, after, limit)
        self.asked.release()
        await self.allowed.acquire()
        return page


async def test_an_event_that_arrives_while_the_last_page_is_read_is_neither_lost_nor_repeated() -> None:
    records = SlowLog()
    records.append(JOB, 1)
    async with running(Feeds(records, Followers())) as feeds:
        follower = Follower(feeds, at(0))
        await records.asked.acquire()

        feeds.on_event(records.append(JOB, 2))
        for _ in range(3):
            records.allowed.release()
        await follower.live()

    assert follower.sequences == [1, 2]


@settings(max_examples=40)
@given(
    backlog=st.integers(0, 30), after=st.integers(0, 30), later=st.integers(0, 15), seed=st.integers(0, 2**16)
)
def test_however_replay_and_live_events_mix_each_event_comes_once_and_in_order(
    backlog: int, after: int, later: int, seed: int
) -> None:
    async def scenario() -> None:
        rng, records = random.Random(seed), Records()
        for _ in range(backlog):
            records.append(JOB, 2)
        async with running(Feeds(records, Followers())) as feeds:
            follower = Follower(feeds, at(min(after, backlog)), eager=rng.random() < 0.5)
            undelivered = []
            for _ in range(later):
                undelivered.append(records.append(JOB, 2))
                for _ in range(rng.randrange(4)):
                    await asyncio.sleep(0)
                    follower.pull()
                while undelivered and rng.random() < 0.6:
                    feeds.on_event(undelivered.pop(0))
                if rng.random() < 0.2:  # the bus was trimmed before this process read it
                    undelivered.clear()
                    feeds.on_gap()
            for event in undelivered:
                feeds.on_event(event)
            follower.eager = True
            follower.pull()
            await follower.live()
            assert follower.sequences == list(range(min(after, backlog) + 1, backlog + later + 1))

    asyncio.run(scenario())


async def test_a_subscriber_that_does_not_pull_gets_no_second_page(records: Records) -> None:
    replay = ReplaySettings(page_events=10)
    async with running(Feeds(records, Followers(), replay=replay)) as feeds:
        for _ in range(25):
            records.append(JOB, 2)
        slow = Follower(feeds, at(0), eager=False)
        await slow.until(lambda: records.pages == [0])

        for _ in range(20):
            await asyncio.sleep(0)
        assert records.pages == [0]
        slow.eager = True
        slow.pull()
        await slow.live()

        assert slow.sequences == list(range(1, 26))


async def test_clients_that_reconnect_at_once_share_the_reads(records: Records) -> None:
    replay = ReplaySettings(page_events=10)
    async with running(Feeds(records, Followers(), replay=replay)) as feeds:
        for _ in range(25):
            records.append(JOB, 2)
        followers = [Follower(feeds, at(0)) for _ in range(100)]
        for follower in followers:
            await follower.live()
        late = Follower(feeds, at(0))
        await late.live()

        assert all(follower.sequences == list(range(1, 26)) for follower in (*followers, late))
        assert sorted(records.pages) == [0, 10, 20, 20]  # the end of the log is never cached


async def test_a_page_holds_no_more_bytes_than_may_wait_for_a_client(records: Records) -> None:
    replay = ReplaySettings(page_bytes=500)
    async with running(Feeds(records, Followers(), replay=replay)) as feeds:
        for _ in range(10):
            records.append(JOB, 2)
        follower = Follower(feeds, at(0))
        await follower.live()

        assert follower.sequences == list(range(1, 11))
        assert len(records.pages) > 2


async def test_a_cursor_older_than_the_log_gets_a_reset_and_goes_on_from_the_end(
    feeds: Feeds, records: Records
) -> None:
    for _ in range(5):
        records.append(JOB, 2)
    records.trimmed = 3
    follower = Follower(feeds, at(1))
    await follower.live()
    feeds.on_event(records.append(JOB, 3))

    assert follower.told == [
        ("opened", "k3f9.1"), ("reset", ("retention", "k3f9.5")), ("event", 6),
    ]  # fmt: skip


async def test_a_client_gets_a_reset_if_what_it_has_not_read_is_trimmed(records: Records) -> None:
    replay = ReplaySettings(page_events=2)
    async with running(Feeds(records, Followers(), replay=replay)) as feeds:
        for _ in range(9):
            records.append(JOB, 2)
        slow = Follower(feeds, at(0), eager=False)
        await slow.until(lambda: records.pages == [0])

        records.trimmed = 5
        slow.eager = True
        slow.pull()
        await slow.live()

        assert slow.told == [
            ("opened", "k3f9.0"), ("event", 1), ("event", 2), ("reset", ("retention", "k3f9.9")),
        ]  # fmt: skip


@pytest.mark.parametrize("after", [Cursor("older", 1), Cursor("k3f9", 7)])
async def test_a_cursor_of_another_epoch_or_ahead_of_the_log_gets_a_reset(
    feeds: Feeds, records: Records, after: Cursor
) -> None:
    records.append(JOB, 1)
    follower = Follower(feeds, after)
    await follower.live()

    assert follower.told[1:] == [("reset", ("epoch", "k3f9.1"))]


async def test_a_live_subscription_gets_a_reset_when_the_epoch_changes(
    feeds: Feeds, records: Records
) -> None:
    for _ in range(3):
        records.append(JOB, 2)
    follower = Follower(feeds)
    await follower.live()

    del records.log[1:]
    records.epoch = "new"
    feeds.on_event(records.append(JOB, 2))
    await follower.live()

    assert follower.told == [("opened", "k3f9.3"), ("reset", ("epoch", "new.2"))]


async def test_events_that_a_filter_leaves_out_still_move_the_cursor(feeds: Feeds, records: Records) -> None:
    records.append(make_job(kind="pdf.render", tags=["a"]), 1)
    follower = Follower(feeds, at(0), Filter(kinds=frozenset({"zip"})))
    await follower.live()

    feeds.on_event(records.append(JOB, 2))

    assert follower.sequences == []
    assert follower.subscription.cursor == at(2)


async def test_tenants_do_not_see_each_others_events(feeds: Feeds, records: Records) -> None:
    theirs = Follower(feeds, tenant="globex")
    await theirs.live()

    feeds.on_event(records.append(JOB, 1))

    assert theirs.sequences == []


async def test_while_the_store_is_away_events_are_delayed_and_none_is_lost(records: Records) -> None:
    replay = ReplaySettings(retry_s=0.001)
    async with running(Feeds(records, Followers(), replay=replay)) as feeds:
        records.append(JOB, 1)
        records.failures = 3
        follower = Follower(feeds, at(0))
        await follower.live()

        assert follower.sequences == [1]


class FaultyLog(Records):
    """Raises an unexpected error at the first two reads of a page."""

    faults = 2

    async def page(self, tenant: str, after: Cursor | None, limit: int) -> EventPage:
        if self.faults:
            self.faults -= 1
            raise ValueError("a bug")
        return await super().page(tenant, after, limit)


async def test_after_an_unexpected_error_the_page_is_read_again() -> None:
    records = FaultyLog()
    records.append(JOB, 1)
    async with running(Feeds(records, Followers(), replay=ReplaySettings(retry_s=0.001))) as feeds:
        follower = Follower(feeds, at(0))
        await follower.live()

    assert follower.sequences == [1]


async def test_no_page_is_read_for_a_subscription_that_was_closed(feeds: Feeds, records: Records) -> None:
    records.append(JOB, 1)
    staying, leaving = Follower(feeds, at(0)), Follower(feeds, at(1))
    feeds.close(leaving.subscription)
    feeds.close(leaving.subscription)
    await staying.live()

    feeds.on_event(records.append(JOB, 2))

    assert leaving.sequences == []
    assert staying.sequences == [1, 2]
    assert records.pages == [0]


async def test_progress_reaches_the_subscriptions_whose_filter_its_job_passes(
    feeds: Feeds, records: Records
) -> None:
    tagged = make_job(kind="pdf.render", tags=["a"])
    everything = Follower(feeds)
    fitting = Follower(feeds, filter=Filter(tags=frozenset("a")))
    other = Follower(feeds, filter=Filter(tags=frozenset("b")))
    for follower in (everything, fitting, other):
        await follower.live()

    feeds.on_progress(make_progress(tagged, 10))  # no event of the job was seen yet
    event = records.append(tagged, 2)
    feeds.on_event(_of(tagged, event, "running"))
    feeds.on_progress(make_progress(tagged, 20))
    feeds.on_event(_of(tagged, records.append(tagged, 3), "succeeded"))
    feeds.on_progress(make_progress(tagged, 30))  # came too late

    assert [what for what, _ in everything.told] == ["opened", "progress", "event", "progress", "event"]
    assert [what for what, _ in fitting.told] == ["opened", "event", "progress", "event"]
    assert [what for what, _ in other.told] == ["opened"]


def _of(job: Job, event: Event, status: str) -> Event:
    """Returns the event with the job in this state."""
    document = {**job.document, "status": status}
    return dataclasses.replace(event, body=json.dumps({"data": {"job": document}}).encode())


class Batches:
    async def batch(self, tenant: str, batch_id: str) -> dict[str, Any]:
        if batch_id != "batch_1":
            raise NotFound("no such batch")
        return {"id": batch_id}


async def test_a_batch_begins_with_its_document_and_goes_on_with_its_events(records: Records) -> None:
    async with running(Feeds(records, Followers(), Batches())) as feeds:
        mine = make_job(batch_id="batch_1")
        follower = Follower(feeds, filter=Filter(batch_id="batch_1"))
        await follower.live()

        feeds.on_event(records.append(JOB, 2))
        event = records.append(mine, 2)
        feeds.on_event(_of(mine, event, "running"))

        assert follower.told == [("opened", "k3f9.0"), ("snapshot", {"id": "batch_1"}), ("event", 2)]


async def test_a_batch_that_does_not_exist_is_not_found(records: Records) -> None:
    async with running(Feeds(records, Followers(), Batches())) as feeds:
        follower = Follower(feeds, filter=Filter(batch_id="batch_2"))
        await follower.until(lambda: bool(follower.told))

        assert follower.told == [("gone", None)]


async def test_serving_ends_though_a_call_to_the_store_has_swallowed_the_cancellation() -> None:
    reading = asyncio.Event()

    class SwallowingLog:
        async def head(self, tenant: str) -> Cursor:
            reading.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return Cursor("e", 0)

    feeds = Feeds(SwallowingLog(), Followers())  # type: ignore[arg-type]
    Follower(feeds)
    tail_ready = asyncio.Event()
    tail_ready.set()
    serving = asyncio.create_task(feeds.run(tail_ready))
    await soon(reading)
    serving.cancel()
    ended, _ = await asyncio.wait([serving], timeout=DEADLINE_S)
    assert ended == {serving}
