"""Reads events from the outbox and makes one delivery for each endpoint that wants them.

If the notifier dies between two steps, this is true:

1. read, no delivery made: the reference stays pending, and another notifier takes it over;
2. some deliveries made: likewise; those that exist are recognised by their ids and left alone;
3. all made and the reference acknowledged (one step): done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from jobs.process.testsignal import TestSignal
from jobs.store.keys import WEBHOOK_MAX_IN_FLIGHT
from jobs.webhooks.deliveries import Deliveries, PendingDelivery, pending_delivery
from jobs.webhooks.delivery import origin_of, origin_target
from jobs.webhooks.endpoints import Endpoints
from jobs.webhooks.outbox import ABANDONED_MS, Outbox, OutboxEvent, Reference
from notifier.webhooks.directory import Directory, TenantEndpoints
from notifier.webhooks.pacing import Pacer
from notifier.webhooks.repeat import repeat

log = structlog.get_logger(__name__)


class Dispatcher:
    """Reads the outbox as one of a consumer group.

    Calls `on_priority` after it has made deliveries of the priority lane. The deliverer finds those
    of large fan-outs by the doorbell.
    """

    def __init__(
        self,
        outbox: Outbox,
        directory: Directory,
        endpoints: Endpoints,
        deliveries: Deliveries,
        pacer: Pacer,
        on_priority: Callable[[], None],
    ) -> None:
        self.dispatched: TestSignal[tuple[int, bool]] = TestSignal()
        """How many deliveries were made in a step, and if that acknowledged the reference."""
        self._outbox = outbox
        self._directory = directory
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._pacer = pacer
        self._on_priority = on_priority
        self._is_stopping = False
        self._fan_outs: set[asyncio.Task[None]] = set()
        self._fan_out_slots = asyncio.Semaphore(pacer.limits.max_fan_outs_at_once)

    def stop(self) -> None:
        """Lets `run` end soon, even if a call to the store swallows its cancellation."""
        self._is_stopping = True

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for name, step in (("dispatch", self.dispatch_new), ("reclaim", self._reclaim)):
                group.create_task(repeat(name, step, lambda: self._is_stopping, self._outbox.join))

    async def dispatch_new(self) -> int:
        """Dispatches references that nobody has read; returns how many there were."""
        return await self.dispatch(await self._outbox.read())

    async def dispatch_abandoned(self, abandoned_ms: int = ABANDONED_MS) -> int:
        """Dispatches references that another notifier has read and left; returns how many."""
        return await self.dispatch(await self._outbox.reclaim(abandoned_ms))

    async def _reclaim(self) -> None:
        await self.dispatch_abandoned()
        await asyncio.sleep(self._pacer.limits.reclaim_interval_s)

    async def dispatch(self, references: list[Reference]) -> int:
        """Makes the deliveries of these references; those of large fan-outs follow in tasks."""
        if not references:
            return 0
        with self._pacer.dispatching():
            events, changes = await self._outbox.events(references)
            tenants = {tenant: await self._directory.of(tenant, change) for tenant, change in changes.items()}
            pending = await asyncio.gather(
                *(
                    self._pending(reference, event, tenants[reference.tenant])
                    for reference, event in zip(references, events, strict=True)
                )
            )
            work = list(zip(references, pending, strict=True))
            small = [each for each in work if not self._pacer.is_large_fan_out(len(each[1]))]
            made = await asyncio.gather(*(self._make(*each, each[0].entry) for each in small))
            if any(made):
                self._on_priority()
        for reference, each in work:
            if self._pacer.is_large_fan_out(len(each)):
                await self._fan_out_slots.acquire()
                task = asyncio.create_task(self._fan_out(reference, each))
                self._fan_outs.add(task)
                task.add_done_callback(self._fan_out_ended)
        return len(references)

    async def _fan_out(self, reference: Reference, pending: list[PendingDelivery]) -> None:
        """Makes deliveries of a large fan-out in parts. If it fails, another notifier goes on."""
        try:
            start = 0
            while start < len(pending) and not self._is_stopping:
                await self._pacer.let_priority_pass()
                began_s = time.perf_counter()
                end = start + self._pacer.fan_out_part()
                entry = b"" if end < len(pending) else reference.entry
                await self._make(reference, pending[start:end], entry)
                start = end
                took_s = time.perf_counter() - began_s
                await asyncio.sleep(took_s * self._pacer.limits.fan_out_rest_ratio)
                await self._outbox.hold(reference)
        except Exception as error:  # noqa: BLE001 (the reference stays in the outbox)
            log.warning("webhook.dispatch_interrupted", reason=str(error))

    async def _make(self, reference: Reference, pending: list[PendingDelivery], entry: bytes) -> int:
        made = await self._deliveries.dispatch(
            reference.tenant, str(reference.sequence), pending, entry=entry
        )
        self.dispatched.emit((len(pending), bool(entry)))
        return made

    def _fan_out_ended(self, task: asyncio.Task[None]) -> None:
        self._fan_outs.discard(task)
        self._fan_out_slots.release()

    async def _pending(
        self, reference: Reference, event: OutboxEvent | None, endpoints: TenantEndpoints
    ) -> list[PendingDelivery]:
        if event is None:
            return []
        pending = [
            pending_delivery(event.id, endpoint_id)
            for endpoint_id in endpoints.matching(event, reference.sequence)
        ]
        if event.url is not None:
            await self._endpoints.tenant_seal(reference.tenant)  # there before the first request is signed
            target_id = origin_target(reference.tenant, origin_of(event.url))
            pending.append(pending_delivery(event.id, target_id, event.url, WEBHOOK_MAX_IN_FLIGHT))
        return pending
