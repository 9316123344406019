"""Distributes the live events of this process to its subscriptions.

One `Tail` calls the hub for each event. The hub serves the subscriptions to jobs, and its `feeds`
those to channels and batches.

A job subscription is registered before its job is read, so it misses no event. After a gap in the
tail, every followed job is read again, and missed events come from the event log. Jobs are read in
batches: a thousand clients that reconnect at once cost a few round trips.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict

import structlog
from prometheus_client.registry import CollectorRegistry

from jobs.core.errors.request import JobNotFound
from jobs.core.errors.store import StoreError
from jobs.core.events import Event, ProgressUpdate
from jobs.core.job import Job
from jobs.store.batches import BatchStore
from jobs.store.client import raise_if_cancelled
from jobs.store.events.event_log import EventLog
from jobs.store.events.followers import Followers
from jobs.store.jobs import JobStore
from notifier.fanout.feeds import DEFAULT_REPLAY, Feeds, ReplaySettings
from notifier.fanout.metrics import PushMetrics
from notifier.fanout.tenant_limits import TenantLimits
from notifier.protocol.frames import EventFrame, ProgressFrame
from notifier.protocol.job_subscription import JobSubscription

log = structlog.get_logger(__name__)

_BATCH = 200
"""How many subscriptions are answered at a time."""


class Hub:
    """The fan-out of this process. Serves while `run` runs and the tail calls `on_…`."""

    def __init__(
        self,
        jobs: JobStore,
        log: EventLog,
        limits: TenantLimits,
        batches: BatchStore | None = None,
        replay: ReplaySettings = DEFAULT_REPLAY,
        metrics: PushMetrics | None = None,
    ) -> None:
        self.limits = limits
        self.followers = Followers()
        self._metrics = metrics or PushMetrics(CollectorRegistry())
        self.feeds = Feeds(log, self.followers, batches, replay, self._metrics)
        self._retry_s = replay.retry_s
        self._jobs = jobs
        self._log = log
        self._by_job: dict[tuple[str, str], set[JobSubscription]] = {}
        self._unread: dict[JobSubscription, None] = {}
        """Subscriptions whose job must be read, in order of arrival."""
        self._has_unread = asyncio.Event()

    # --- for sessions ---------------------------------------------------------------------------

    def watch(self, subscription: JobSubscription) -> None:
        self._by_job.setdefault(_key(subscription), set()).add(subscription)
        self.followers.join(subscription)
        self._read_later(subscription)

    def unwatch(self, subscription: JobSubscription) -> None:
        key = _key(subscription)
        subscriptions = self._by_job.get(key)
        if subscriptions is not None:
            subscriptions.discard(subscription)
            if not subscriptions:
                del self._by_job[key]
        self._unread.pop(subscription, None)
        self.followers.leave(subscription)

    # --- for the tail ---------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        is_followed = self.feeds.on_event(event)
        subscriptions = event.job_id and self._by_job.get((event.tenant, event.job_id))
        if subscriptions:
            frame = EventFrame.of(event)
            for subscription in tuple(subscriptions):  # copied: an offer may close a slow client
                subscription.offer(frame)
        if subscriptions or is_followed:
            self._metrics.pushed(event)

    def on_progress(self, update: ProgressUpdate) -> None:
        self.feeds.on_progress(update)
        subscriptions = self._by_job.get((update.tenant, update.job_id))
        if subscriptions:
            frame = ProgressFrame(update)
            for subscription in tuple(subscriptions):
                subscription.offer_progress(frame)

    def on_gap(self) -> None:
        """Holds all events until each followed job has been read again: some may be missing."""
        self._metrics.gap()
        self.feeds.on_gap()
        for subscriptions in self._by_job.values():
            for subscription in subscriptions:
                subscription.hold()
                self._read_later(subscription)

    # --- reads ----------------------------------------------------------------------------------

    async def run(self, tail_ready: asyncio.Event) -> None:
        """Answers subscriptions, once the tail is ready and sees what comes after a snapshot."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.limits.run())
            group.create_task(self.feeds.run(tail_ready))
            group.create_task(self._answer_for_ever(tail_ready))

    async def _answer_for_ever(self, tail_ready: asyncio.Event) -> None:
        await tail_ready.wait()
        while True:
            raise_if_cancelled()
            await self._has_unread.wait()
            try:
                await self._read_once()
            except StoreError as error:
                log.warning("hub.waiting", reason=str(error), subscriptions=len(self._unread))
                await asyncio.sleep(self._retry_s * (1 + random.random()))  # noqa: S311 (jitter)

    def _read_later(self, subscription: JobSubscription) -> None:
        self._unread[subscription] = None
        self._has_unread.set()

    async def _read_once(self) -> None:
        """Answers the oldest subscriptions, tenant by tenant. On a StoreError they stay unread."""
        by_tenant: defaultdict[str, list[JobSubscription]] = defaultdict(list)
        for subscription, _ in zip(self._unread, range(_BATCH), strict=False):
            by_tenant[subscription.tenant].append(subscription)
        for tenant, subscriptions in by_tenant.items():
            await self._answer(tenant, subscriptions)
        if not self._unread:
            self._has_unread.clear()

    async def _answer(self, tenant: str, subscriptions: list[JobSubscription]) -> None:
        for subscription in subscriptions:
            self._unread.pop(subscription, None)
        job_ids = list({subscription.job_id for subscription in subscriptions})
        try:
            jobs = dict(zip(job_ids, await self._jobs.get_many(tenant, job_ids), strict=True))
            logged: dict[str, list[EventFrame]] = {}
            for subscription in subscriptions:
                job_id, job = subscription.job_id, jobs[subscription.job_id]
                if job is not None and job_id not in logged and _has_missed(subscription, job):
                    logged[job_id] = await self._logged(tenant, job_id)
        except StoreError:
            for subscription in subscriptions:
                if subscription in self._by_job.get(_key(subscription), ()):
                    self._read_later(subscription)
            raise
        for subscription in subscriptions:
            # It may be unwatched by now, or a gap after this read has requested it again.
            if subscription in self._unread or subscription not in self._by_job.get(_key(subscription), ()):
                continue
            job = jobs[subscription.job_id]
            if job is None:
                subscription.not_found()
            elif subscription.version is None:
                subscription.snapshot(job)
            else:
                reset = subscription.catch_up(logged.get(subscription.job_id, []), job)
                if reset is not None:
                    self._metrics.reset(reset)

    async def _logged(self, tenant: str, job_id: str) -> list[EventFrame]:
        try:
            return [EventFrame.from_body(body) for body in await self._log.of_job(tenant, job_id)]
        except JobNotFound:  # deleted just now: the record that was read is the last one
            return []


def _key(subscription: JobSubscription) -> tuple[str, str]:
    return subscription.tenant, subscription.job_id


def _has_missed(subscription: JobSubscription, job: Job) -> bool:
    return subscription.version is not None and subscription.version < job.version
