"""From the outbox to deliveries: every event becomes one delivery for each endpoint that is owed it.

What is true if the notifier dies between two steps:

1. read, nothing made: the reference is pending; another notifier takes it over;
2. some deliveries made: likewise; those that are there are found by their ids and left alone;
3. all made and acknowledged, in one step: done.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import structlog

from jobs.core.errors.store import StoreError
from jobs.webhooks.deliveries import Deliveries, PendingDelivery
from jobs.webhooks.delivery import origin_of, origin_target
from jobs.webhooks.endpoint import DEFAULT_MAX_IN_FLIGHT
from jobs.webhooks.endpoints import Endpoints
from jobs.webhooks.outbox import ABANDONED_MS, GROUP, Outbox, OwedEvent, Reference
from notifier.webhooks.directory import Directory, TenantEndpoints
from notifier.webhooks.pacing import News

log = structlog.get_logger(__name__)

DELIVERIES_PER_CALL = 10
"""How many deliveries one atomic step makes: an event that goes to thousands must not hold up the store."""
DELIVERIES_BESIDE_NEWS = 3
"""Likewise, of such an event while news is expected: what is new waits for what has begun."""
WIDE_REST = 2.0
"""Between such steps, for so many times as long as one took: they are made about as fast as they are sent."""
WIDE_AT_ONCE = 4
"""How many events that take several such steps are dispatched beside the others."""
RECLAIM_INTERVAL_S = 10.0


class Dispatcher:
    """One reader of the outbox. `made` is called when there is news; events for very many are found by the doorbell."""

    def __init__(
        self,
        outbox: Outbox,
        directory: Directory,
        endpoints: Endpoints,
        deliveries: Deliveries,
        news: News,
        made: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._directory = directory
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._news = news
        self._made = made
        self._is_stopping = False
        self._wide: set[asyncio.Task[None]] = set()
        self._wide_slots = asyncio.Semaphore(WIDE_AT_ONCE)

    def stop(self) -> None:
        """`run` ends soon, also where a call to the store swallows its cancellation."""
        self._is_stopping = True

    async def run(self) -> None:
        """Dispatches for ever; waits where the store is away."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self.dispatch_new, 0.0))
            group.create_task(self._repeat(self.dispatch_abandoned, RECLAIM_INTERVAL_S))

    async def dispatch_new(self) -> int:
        """Dispatches what nobody has read; returns how many references that were."""
        return await self._dispatch(await self._outbox.read())

    async def dispatch_abandoned(self, abandoned_ms: int = ABANDONED_MS) -> int:
        """Dispatches what another notifier has read and left."""
        return await self._dispatch(await self._outbox.reclaim(abandoned_ms))

    async def _repeat(self, step: Callable[[], Awaitable[int]], pause_s: float) -> None:
        joined = False
        while not self._is_stopping:
            try:
                if not joined:
                    await self._outbox.join()
                    joined = True
                await step()
                await asyncio.sleep(pause_s)
            except StoreError as error:
                log.warning("webhook.dispatch_interrupted", reason=str(error))
                await asyncio.sleep(0.5 + random.random())  # noqa: S311 (jitter)
            except (
                Exception
            ):  # a reference that cannot be read must not end all webhooks; it stays in the outbox
                log.exception("webhook.dispatch_failed")
                joined = False
                await asyncio.sleep(1 + random.random())  # noqa: S311 (jitter)

    async def _dispatch(self, references: list[Reference]) -> int:
        if not references:
            return 0
        with self._news.on_its_way():
            events, changes = await self._outbox.events(references)
            tenants = {tenant: await self._directory.of(tenant, change) for tenant, change in changes.items()}
            owed = await asyncio.gather(
                *(
                    self._owed(reference, event, tenants[reference.tenant])
                    for reference, event in zip(references, events, strict=True)
                )
            )
            made = await asyncio.gather(
                *(
                    self._acknowledge(reference, each, reference.entry)
                    for reference, each in zip(references, owed, strict=True)
                    if len(each) <= DELIVERIES_PER_CALL
                )
            )
            if any(made):
                self._made()
        for reference, each in zip(references, owed, strict=True):
            if len(each) > DELIVERIES_PER_CALL:
                await self._wide_slots.acquire()
                task = asyncio.create_task(self._dispatch_wide(reference, each))
                self._wide.add(task)
                task.add_done_callback(self._wide_ended)
        return len(references)

    async def _dispatch_wide(self, reference: Reference, owed: list[PendingDelivery]) -> None:
        """An event for very many, part by part, while others are dispatched; what stops here is taken over later."""
        try:
            start = 0
            while start < len(owed) and not self._is_stopping:
                await self._news.pass_by()
                begun = time.perf_counter()
                end = start + (DELIVERIES_BESIDE_NEWS if self._news.is_expected else DELIVERIES_PER_CALL)
                await self._acknowledge(
                    reference, owed[start:end], b"" if end < len(owed) else reference.entry
                )
                start = end
                await asyncio.sleep(WIDE_REST * (time.perf_counter() - begun))
                await self._outbox.hold(reference)
        except Exception as error:  # noqa: BLE001 (the reference stays in the outbox)
            log.warning("webhook.dispatch_interrupted", reason=str(error))

    async def _acknowledge(self, reference: Reference, owed: list[PendingDelivery], entry: bytes) -> int:
        return await self._deliveries.acknowledge(
            reference.tenant, str(reference.sequence), owed, GROUP, entry
        )

    def _wide_ended(self, task: asyncio.Task[None]) -> None:
        self._wide.discard(task)
        self._wide_slots.release()

    async def _owed(
        self, reference: Reference, event: OwedEvent | None, endpoints: TenantEndpoints
    ) -> list[PendingDelivery]:
        if event is None:
            return []
        owed = [
            PendingDelivery(event.id, endpoint_id)
            for endpoint_id in endpoints.matching(event, reference.sequence)
        ]
        if event.url is not None:
            await self._endpoints.tenant_seal(reference.tenant)  # there before the first request is signed
            target_id = origin_target(reference.tenant, origin_of(event.url))
            owed.append(PendingDelivery(event.id, target_id, event.url, DEFAULT_MAX_IN_FLIGHT))
        return owed
