"""Where the live events of this process meet its subscriptions.

The hub is fed by one `Tail` and knows which subscriptions follow which job; those that follow a whole log or a batch
are served by its `feeds`. A subscription is registered first and its
job read afterwards, so no event can fall in between; after a gap in the tail, every followed job is read again and what
was missed comes from the event log. Reads are gathered into batches: a thousand clients that reconnect at once cost a
few round trips.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import structlog

from jobs.core.errors.request import JobNotFound
from jobs.core.errors.store import StoreError
from jobs.core.events import Event, ProgressUpdate
from jobs.core.job import Job
from jobs.store.events.followers import Followers
from notifier.fanout.feeds import Batches, EventPages, Feeds
from notifier.fanout.tenant_limits import Occupant
from notifier.protocol.frames import EventFrame, ProgressFrame
from notifier.protocol.job_subscription import JobSubscription

log = structlog.get_logger(__name__)

_BATCH = 200
_RETRY_S = 0.5


class Jobs(Protocol):
    """What the hub asks of `JobStore`."""

    async def get_many(self, tenant: str, job_ids: Sequence[str]) -> list[Job | None]: ...


class Log(EventPages, Protocol):
    """What the hub asks of `EventLog`."""

    async def of_job(self, tenant: str, job_id: str) -> list[bytes]: ...


class TenantLimits(Protocol):
    """What the hub and its sessions ask of `Limits`."""

    def connect(self, tenant: str, occupant: Occupant) -> bool: ...

    def disconnect(self, tenant: str, occupant: Occupant) -> None: ...

    def subscribe(self, tenant: str) -> bool: ...

    def unsubscribe(self, tenant: str) -> None: ...

    async def run(self) -> None: ...


class Hub:
    """The desk of every session in this process, and the listener of its tail."""

    def __init__(self, jobs: Jobs, log: Log, limits: TenantLimits, batches: Batches | None = None) -> None:
        self.limits = limits
        self.audience = Followers()
        self.feeds = Feeds(log, self.audience, batches)
        self._jobs = jobs
        self._log = log
        self._followers: dict[tuple[str, str], set[JobSubscription]] = {}
        self._unread: dict[JobSubscription, None] = {}
        """Subscriptions whose job has to be read, in order of arrival."""
        self._has_unread = asyncio.Event()

    # --- for sessions ---------------------------------------------------------------------------------------------

    def watch(self, subscription: JobSubscription) -> None:
        self._followers.setdefault(_key(subscription), set()).add(subscription)
        self.audience.join(subscription)
        self._read_later(subscription)

    def unwatch(self, subscription: JobSubscription) -> None:
        key = _key(subscription)
        followers = self._followers.get(key)
        if followers is not None:
            followers.discard(subscription)
            if not followers:
                del self._followers[key]
        self._unread.pop(subscription, None)
        self.audience.leave(subscription)

    # --- for the tail ---------------------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Hands a live event to those who follow its job or its tenant."""
        self.feeds.on_event(event)
        if event.job_id is None:
            return
        followers = self._followers.get((event.tenant, event.job_id))
        if followers:
            frame = EventFrame.of(event)
            for subscription in tuple(followers):  # a slow client may drop out on the way
                subscription.offer(frame)

    def on_progress(self, update: ProgressUpdate) -> None:
        """Hands live progress to those who follow its job or its tenant."""
        self.feeds.on_progress(update)
        followers = self._followers.get((update.tenant, update.job_id))
        if followers:
            frame = ProgressFrame(update)
            for subscription in tuple(followers):
                subscription.offer_progress(frame)

    def on_gap(self) -> None:
        """Events may be missing: holds everything back until each followed job has been read again."""
        self.feeds.on_gap()
        for followers in self._followers.values():
            for subscription in followers:
                subscription.hold()
                self._read_later(subscription)

    # --- reading --------------------------------------------------------------------------------------------------

    async def run(self, tail_ready: asyncio.Event) -> None:
        """Answers subscriptions for ever. A snapshot is worth something only once the tail sees what comes after."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.limits.run())
            group.create_task(self.feeds.run(tail_ready))
            group.create_task(self._answer_for_ever(tail_ready))

    async def _answer_for_ever(self, tail_ready: asyncio.Event) -> None:
        await tail_ready.wait()
        while True:
            await self._has_unread.wait()
            try:
                await self._read_once()
            except StoreError as error:
                log.warning("hub.waiting", reason=str(error), subscriptions=len(self._unread))
                await asyncio.sleep(_RETRY_S * (1 + random.random()))  # noqa: S311 (jitter)

    def _read_later(self, subscription: JobSubscription) -> None:
        self._unread[subscription] = None
        self._has_unread.set()

    async def _read_once(self) -> None:
        """Reads the jobs of the oldest requests, one tenant's at a time; on a StoreError they stay requested."""
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
                if job is not None and job_id not in logged and _is_behind(subscription, job):
                    logged[job_id] = await self._logged(tenant, job_id)
        except StoreError:
            for subscription in subscriptions:
                if subscription in self._followers.get(_key(subscription), ()):
                    self._read_later(subscription)
            raise
        for subscription in subscriptions:
            # Unwatched meanwhile, or requested again by a gap that this reading does not cover.
            if subscription in self._unread or subscription not in self._followers.get(
                _key(subscription), ()
            ):
                continue
            job = jobs[subscription.job_id]
            if job is None:
                subscription.not_found()
            elif subscription.version is None:
                subscription.snapshot(job)
            else:
                subscription.catch_up(logged.get(subscription.job_id, []), job)

    async def _logged(self, tenant: str, job_id: str) -> list[EventFrame]:
        try:
            return [EventFrame.from_body(body) for body in await self._log.of_job(tenant, job_id)]
        except JobNotFound:  # deleted a moment ago: the record that was read is the last there is
            return []


def _key(subscription: JobSubscription) -> tuple[str, str]:
    return subscription.tenant, subscription.job_id


def _is_behind(subscription: JobSubscription, job: Job) -> bool:
    """Whether an established subscription has missed something."""
    return subscription.version is not None and subscription.version < job.version
