from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jobs.core.job import Job
from notifier.fanout.feeds import ReplaySettings
from notifier.fanout.hub import Hub
from notifier.protocol.job_subscription import JobSubscription
from testsupport.push_fakes import NoLimits, Records
from testsupport.sample_events import make_event, make_job, make_progress

PATIENCE_S = 10


class Follower:
    """A listener that subscribes to one job and queues what it receives."""

    def __init__(self, hub: Hub, job: Job, *, tenant: str | None = None) -> None:
        self.told: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.hub = hub
        self.subscription = JobSubscription("s1", 1, tenant or job.tenant, job.id, self)
        hub.watch(self.subscription)

    def subscribed(self, subscription: JobSubscription, job: Job) -> bool:
        self.told.put_nowait(("snapshot", job.version))
        return True

    def send_event(self, subscription: JobSubscription, frame: bytes) -> None:
        self.told.put_nowait(("event", json.loads(frame)["event"]["data"]["job"]["version"]))

    def send_progress(self, subscription: JobSubscription, frame: bytes) -> None:
        self.told.put_nowait(("progress", json.loads(frame)["progress"]["percent"]))

    def reset(self, subscription: JobSubscription, job: Job, reason: str) -> None:
        self.told.put_nowait(("reset", job.version))

    def job_is_gone(self, subscription: JobSubscription) -> None:
        self.told.put_nowait(("gone", None))
        self.hub.unwatch(subscription)

    async def next(self) -> tuple[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            return await self.told.get()


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
async def hub(records: Records) -> AsyncIterator[Hub]:
    """A running hub whose tail is ready."""
    hub, ready = Hub(records, records, NoLimits()), asyncio.Event()
    ready.set()
    task = asyncio.create_task(hub.run(ready))
    yield hub
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


class SlowRecords(Records):
    """Holds each read until the test allows it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Semaphore(0)
        self.allowed = asyncio.Semaphore(0)

    async def get_many(self, tenant: str, job_ids: Any) -> list[Job | None]:
        answer = await super().get_many(tenant, job_ids)  # what the store holds when it is asked
        self.asked.release()
        await self.allowed.acquire()
        return answer


async def test_a_follower_gets_the_snapshot_and_then_every_event(hub: Hub, records: Records) -> None:
    job = records.put(make_job())
    follower = Follower(hub, job)

    assert await follower.next() == ("snapshot", 1)
    hub.on_event(make_event(job, 2))
    hub.on_progress(make_progress(job, 40))
    hub.on_event(make_event(job, 3))

    assert [await follower.next() for _ in range(3)] == [("event", 2), ("progress", 40), ("event", 3)]


async def test_events_of_other_jobs_and_tenants_are_not_delivered(hub: Hub, records: Records) -> None:
    job, other = records.put(make_job()), records.put(make_job())
    follower = Follower(hub, job)
    await follower.next()

    hub.on_event(make_event(other, 2))
    hub.on_event(make_event(make_job(job_id=job.id, tenant="globex"), 2))
    hub.on_progress(make_progress(make_job(job_id=job.id, tenant="globex"), 50))
    hub.on_event(make_event(job, 3))

    assert await follower.next() == ("event", 3)


async def test_another_tenants_job_is_missing_even_while_its_events_arrive(
    hub: Hub, records: Records
) -> None:
    job = records.put(make_job(tenant="globex"))
    follower = Follower(hub, job, tenant="acme")

    hub.on_event(make_event(job, 2))

    assert await follower.next() == ("gone", None)
    assert follower.told.empty()


async def test_events_that_arrive_while_the_snapshot_is_read_follow_it() -> None:
    records = SlowRecords()
    job = records.put(make_job())
    hub, ready = Hub(records, records, NoLimits()), asyncio.Event()
    ready.set()
    task = asyncio.create_task(hub.run(ready))
    follower = Follower(hub, job)
    await records.asked.acquire()

    hub.on_event(make_event(job, 2))
    records.allowed.release()

    assert [await follower.next() for _ in range(2)] == [("snapshot", 1), ("event", 2)]
    task.cancel()


async def test_a_gap_during_a_read_makes_the_hub_read_again() -> None:
    records = SlowRecords()
    job = records.put(make_job())
    hub, ready = Hub(records, records, NoLimits()), asyncio.Event()
    ready.set()
    task = asyncio.create_task(hub.run(ready))
    follower = Follower(hub, job)
    await records.asked.acquire()

    records.put(make_job(3, job_id=job.id))  # versions 2 and 3 fall into the gap
    hub.on_gap()
    hub.on_event(make_event(job, 4))
    records.allowed.release()
    records.allowed.release()

    assert [await follower.next() for _ in range(2)] == [("snapshot", 3), ("event", 4)]
    task.cancel()


async def test_no_snapshot_is_read_before_the_tail_is_ready(records: Records) -> None:
    job = records.put(make_job())
    hub, ready = Hub(records, records, NoLimits()), asyncio.Event()
    task = asyncio.create_task(hub.run(ready))
    follower = Follower(hub, job)
    await asyncio.sleep(0)
    assert records.reads == []

    records.put(make_job(2, job_id=job.id))  # the tail never saw its event
    ready.set()

    assert await follower.next() == ("snapshot", 2)
    task.cancel()


async def test_after_a_gap_what_was_missed_comes_from_the_log(hub: Hub, records: Records) -> None:
    job, quiet = records.put(make_job()), records.put(make_job(2))
    follower, other = Follower(hub, job), Follower(hub, quiet)
    await follower.next()
    await other.next()

    records.put(make_job(3, job_id=job.id))
    records.bodies[job.id] = [make_event(job, version).body for version in (1, 2, 3)]
    hub.on_gap()
    hub.on_event(make_event(quiet, 3))

    assert [await follower.next() for _ in range(2)] == [("event", 2), ("event", 3)]
    assert await other.next() == ("event", 3)


async def test_events_that_the_log_no_longer_has_are_replaced_by_a_snapshot(
    hub: Hub, records: Records
) -> None:
    job = records.put(make_job())
    follower = Follower(hub, job)
    await follower.next()

    records.put(make_job(3, job_id=job.id))
    hub.on_gap()

    assert await follower.next() == ("reset", 3)


async def test_a_job_deleted_during_a_gap_is_not_found(hub: Hub, records: Records) -> None:
    job = records.put(make_job())
    follower = Follower(hub, job)
    await follower.next()

    del records.jobs[job.id]
    hub.on_gap()

    assert await follower.next() == ("gone", None)


async def test_subscriptions_wait_while_the_store_is_away(
    records: Records,
) -> None:
    hub, ready = Hub(records, records, NoLimits(), replay=ReplaySettings(retry_s=0.001)), asyncio.Event()
    ready.set()
    task = asyncio.create_task(hub.run(ready))
    job = records.put(make_job())
    records.failures = 3
    follower = Follower(hub, job)

    assert await follower.next() == ("snapshot", 1)
    assert len(records.reads) == 4
    task.cancel()


async def test_many_subscriptions_at_once_share_a_read(hub: Hub, records: Records) -> None:
    jobs = [records.put(make_job()) for _ in range(20)]
    followers = [Follower(hub, job) for job in jobs * 5]

    for follower in followers:
        assert await follower.next() == ("snapshot", 1)
    assert len(records.reads) == 1
    assert sorted(records.reads[0]) == sorted(job.id for job in jobs)


async def test_an_unwatched_subscription_gets_nothing_more(hub: Hub, records: Records) -> None:
    job = records.put(make_job())
    staying, leaving, never_read = Follower(hub, job), Follower(hub, job), Follower(hub, job)
    hub.unwatch(never_read.subscription)
    await staying.next()
    await leaving.next()

    hub.unwatch(leaving.subscription)
    hub.unwatch(leaving.subscription)
    hub.on_event(make_event(job, 2))

    assert await staying.next() == ("event", 2)
    assert leaving.told.empty()
    assert never_read.told.empty()


async def test_a_subscription_may_be_unwatched_while_an_event_is_offered(hub: Hub, records: Records) -> None:
    job = records.put(make_job())
    followers = [Follower(hub, job) for _ in range(5)]
    for follower in followers:
        await follower.next()
        follower.send_event = lambda subscription, _: [  # type: ignore[method-assign, assignment]
            hub.unwatch(each.subscription) for each in followers
        ]

    hub.on_event(make_event(job, 2))
    hub.on_event(make_event(job, 3))
