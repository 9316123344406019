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
from notifier.fanout import feeds as feeds_module
from notifier.fanout.feeds import Feeds
from notifier.protocol.channel_subscription import ChannelSubscription, ResetReason
from notifier.protocol.filters import EVERYTHING, Filter
from notifier.protocol.frames import ProgressFrame
from notifier.protocol.log_event import LogEvent
from testsupport.push_fakes import Records
from testsupport.sample_events import make_job, make_progress
from testsupport.waiting import eventually

JOB = make_job()


class Follower:
    """A subscriber that pulls as soon as it can, unless told to wait."""

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


async def test_with_a_cursor_it_begins_right_after_that_and_then_is_live(
    feeds: Feeds, records: Records
) -> None:
    for _ in range(5):
        records.append(JOB, 2)
    follower = Follower(feeds, at(2))
    await follower.live()

    feeds.on_event(records.append(JOB, 3))

    assert follower.told == [("opened", "k3f9.2"), *(("event", sequence) for sequence in (3, 4, 5, 6))]


class SlowLog(Records):
    """Pages that wait for the test between being read and being handed over."""

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
                if rng.random() < 0.2:  # the bus forgets what this process has not read
                    undelivered.clear()
                    feeds.on_gap()
            for event in undelivered:
                feeds.on_event(event)
            follower.eager = True
            follower.pull()
            await follower.live()
            assert follower.sequences == list(range(min(after, backlog) + 1, backlog + later + 1))

    asyncio.run(scenario())


async def test_a_subscriber_that_does_not_pull_gets_no_second_page(
    feeds: Feeds, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "_PAGE_EVENTS", 10)
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


async def test_many_who_come_back_at_once_share_the_reading(
    feeds: Feeds, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "_PAGE_EVENTS", 10)
    for _ in range(25):
        records.append(JOB, 2)
    followers = [Follower(feeds, at(0)) for _ in range(100)]
    for follower in followers:
        await follower.live()
    late = Follower(feeds, at(0))
    await late.live()

    assert all(follower.sequences == list(range(1, 26)) for follower in (*followers, late))
    assert sorted(records.pages) == [0, 10, 20, 20]  # the end of the log is never taken from the cache


async def test_a_page_holds_no_more_bytes_than_may_wait_for_a_client(
    feeds: Feeds, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "_PAGE_BYTES", 500)
    for _ in range(10):
        records.append(JOB, 2)
    follower = Follower(feeds, at(0))
    await follower.live()

    assert follower.sequences == list(range(1, 11))
    assert len(records.pages) > 2


async def test_beyond_retention_it_is_told_so_and_goes_on_from_the_end(
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


async def test_what_is_trimmed_while_a_client_reads_resets_it(
    feeds: Feeds, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "_PAGE_EVENTS", 2)
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
async def test_a_cursor_of_another_life_of_the_log_resets_with_epoch(
    feeds: Feeds, records: Records, after: Cursor
) -> None:
    records.append(JOB, 1)
    follower = Follower(feeds, after)
    await follower.live()

    assert follower.told[1:] == [("reset", ("epoch", "k3f9.1"))]


async def test_an_epoch_that_changes_under_a_live_subscription_resets_it(
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


async def test_a_store_that_is_away_delays_and_loses_nothing(
    feeds: Feeds, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "_RETRY_S", 0.001)
    records.append(JOB, 1)
    records.failures = 3
    follower = Follower(feeds, at(0))
    await follower.live()

    assert follower.sequences == [1]


async def test_a_fault_of_ours_leaves_nobody_in_silence(
    feeds: Feeds, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "_RETRY_S", 0.001)
    records.append(JOB, 1)
    read, faults = records.page, [ValueError("a bug"), ValueError("a bug")]

    async def page(tenant: str, after: Cursor | None, limit: int) -> EventPage:
        if faults:
            raise faults.pop()
        return await read(tenant, after, limit)

    monkeypatch.setattr(records, "page", page)
    follower = Follower(feeds, at(0))
    await follower.live()

    assert follower.sequences == [1]


async def test_a_subscriber_that_left_is_read_for_no_more(feeds: Feeds, records: Records) -> None:
    records.append(JOB, 1)
    staying, leaving = Follower(feeds, at(0)), Follower(feeds, at(1))
    feeds.close(leaving.subscription)
    feeds.close(leaving.subscription)
    await staying.live()

    feeds.on_event(records.append(JOB, 2))

    assert leaving.sequences == []
    assert staying.sequences == [1, 2]
    assert records.pages == [0]


async def test_progress_reaches_those_whose_filter_its_job_passes(feeds: Feeds, records: Records) -> None:
    tagged = make_job(kind="pdf.render", tags=["a"])
    everything = Follower(feeds)
    fitting = Follower(feeds, filter=Filter(tags=frozenset("a")))
    other = Follower(feeds, filter=Filter(tags=frozenset("b")))
    for follower in (everything, fitting, other):
        await follower.live()

    feeds.on_progress(make_progress(tagged, 10))  # nothing is known of the job yet
    event = records.append(tagged, 2)
    feeds.on_event(_of(tagged, event, "running"))
    feeds.on_progress(make_progress(tagged, 20))
    feeds.on_event(_of(tagged, records.append(tagged, 3), "succeeded"))
    feeds.on_progress(make_progress(tagged, 30))  # came too late

    assert [what for what, _ in everything.told] == ["opened", "progress", "event", "progress", "event"]
    assert [what for what, _ in fitting.told] == ["opened", "event", "progress", "event"]
    assert [what for what, _ in other.told] == ["opened"]


def _of(job: Job, event: Event, status: str) -> Event:
    """The event as one that tells of the job in this state."""
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


async def test_a_batch_that_does_not_exist_is_said_to_be_gone(records: Records) -> None:
    async with running(Feeds(records, Followers(), Batches())) as feeds:
        follower = Follower(feeds, filter=Filter(batch_id="batch_2"))
        await follower.until(lambda: bool(follower.told))

        assert follower.told == [("gone", None)]
