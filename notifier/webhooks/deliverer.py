"""Claims deliveries, sends them, and writes their outcomes to the store.

If the notifier dies between two steps (each is one atomic script), this is true:

1. claimed, but nothing written (sent or not): the claim runs out, and the delivery is sent again
   with the same `webhook-id`; it has used no attempt of the receiver;
2. settled: the outcome and the next attempt, if any, are in the store.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from functools import lru_cache

import structlog
from prometheus_client.registry import CollectorRegistry

from jobs.core.errors.store import StoreError
from jobs.process.event_wait import is_set_within
from jobs.process.testsignal import TestSignal
from jobs.store.client import raise_if_cancelled
from jobs.webhooks.credentials import Credentials, CredentialsBox, CredentialsUnreadable, tenant_owner
from jobs.webhooks.delivery_queue import DeliveryBatch, DeliveryClaim, DeliveryQueue
from jobs.webhooks.signing import signed_headers
from notifier.webhooks import retry_schedule as schedule
from notifier.webhooks.exchange import Exchange
from notifier.webhooks.metrics import WebhookMetrics
from notifier.webhooks.pacing import ClaimPlan, Pacer
from notifier.webhooks.repeat import repeat
from notifier.webhooks.sender import USER_AGENT, Sender, WebhookRequest

log = structlog.get_logger(__name__)


class Deliverer:
    def __init__(
        self,
        queue: DeliveryQueue,
        sender: Sender,
        box: CredentialsBox,
        pacer: Pacer,
        *,
        chance: Callable[[], float] = random.random,
        metrics: WebhookMetrics | None = None,
    ) -> None:
        self.looked: TestSignal[tuple[ClaimPlan, DeliveryBatch]] = TestSignal()
        """A look at the queue: what it might claim, and what it got."""
        self._queue = queue
        self._sender = sender
        self._pacer = pacer
        self._chance = chance
        self._metrics = metrics or WebhookMetrics(CollectorRegistry())
        self._metrics.watch_in_flight(lambda: len(self._in_flight))
        self._open = lru_cache(maxsize=10_000)(box.open)
        self._bell, self._answered = asyncio.Event(), asyncio.Event()
        self._claiming = asyncio.Lock()
        self._is_draining = self._is_full = False
        self._in_flight: set[asyncio.Task[None]] = set()

    def ring(self) -> None:
        self._pacer.priority_arrived()
        self._bell.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for step in (self._claim_and_wait, self._listen, self._sweep):
                group.create_task(repeat(step.__name__.strip("_"), step, lambda: self._is_draining))

    async def drain(self, timeout_s: float) -> None:
        """Claims nothing more, waits for the requests in flight, and cancels those that take longer
        than `timeout_s`; another notifier sends them again.
        """
        self._is_draining = True
        try:
            async with asyncio.timeout(timeout_s), self._claiming:  # the last look begins requests, too
                await self.settled()
        except TimeoutError:
            for task in self._in_flight:
                task.cancel()
            await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def step(self) -> float:
        """Claims once and begins to send. Returns after how many seconds to look again."""
        async with self._claiming:
            await self._pacer.wait_for_dispatch()
            self._bell.clear()
            try:
                with self._pacer.claiming():
                    return await self._look()
            finally:
                self._answered.set()

    async def settled(self) -> None:
        while self._in_flight:
            await asyncio.wait(self._in_flight)

    async def _look(self) -> float:
        plan = self._pacer.plan_claim(len(self._in_flight))
        self._is_full = plan is None
        if plan is None or self._is_draining:
            return self._pacer.limits.poll_s
        batch = await self._queue.claim(plan.claims, plan.max_per_target, plan.late_claims)
        for claim in batch.claims:
            self._begin(claim)
        await asyncio.sleep(0)  # by then, requests over kept connections are signed and sent
        for delivery_id in batch.given_up:
            log.error("webhook_delivery.exhausted", error="notifier_lost", delivery_id=delivery_id)
        self._metrics.given_up(len(batch.given_up))
        self.looked.emit((plan, batch))
        return self._pacer.seconds_to_next_look(plan, batch)

    def _begin(self, claim: DeliveryClaim) -> None:
        task = asyncio.create_task(self.deliver(claim))
        self._in_flight.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if self._is_full:  # otherwise the doorbell in the store says if this has made a claim possible
            self._bell.set()

    async def deliver(self, claim: DeliveryClaim) -> None:
        """Makes one attempt, from the claim to its outcome in the store. Never raises."""
        try:
            claimed_s, started_ms = time.monotonic(), round(time.time() * 1000)
            exchange = await self.attempt(claim, started_ms)
            if exchange.status is not None:
                self._metrics.answered(claim, claimed_s)
            await self._write_outcome(claim, exchange, started_ms)
        except Exception:  # the claim runs out and the delivery comes again
            log.exception("webhook_delivery.crashed", **claim.log_context)

    async def attempt(self, claim: DeliveryClaim, started_ms: int) -> Exchange:
        owner = claim.target_id if claim.target_id.startswith("we_") else tenant_owner(claim.tenant)
        try:
            credentials = self._open(claim.sealed, owner)
        except CredentialsUnreadable as error:
            return Exchange(error="credentials_unreadable", message=str(error), is_fault=True)
        return await self._sender.send(
            WebhookRequest(claim.url, claim.body, _headers(claim, credentials, started_ms)),
            self._pacer.deadline_s(self._chance()),
        )

    async def settle(self, claim: DeliveryClaim, exchange: Exchange, started_ms: int) -> str | None:
        """Returns the status of the delivery; None if the claim is lost."""
        if exchange.is_fault:
            age_ms = claim.claimed_ms - claim.round_ms
            delay_ms = schedule.after_fault(claim.faults, age_ms, self._chance())
        else:
            delay_ms = schedule.after_failure(
                claim.attempts_used + 1, exchange.retry_after_ms, self._chance()
            )
        is_busy = exchange.status in (429, 503)
        status, disabled_reason = await self._queue.settle(
            claim,
            exchange.outcome,
            exchange.record(started_ms, max(0, claim.claimed_ms - claim.waiting_since_ms)),
            delay_ms=delay_ms,
            hold_ms=min(exchange.retry_after_ms, schedule.LONGEST_HOLD_MS) if is_busy else 0,
            chance=self._chance(),
            took_ms=exchange.total_ms,
        )
        _log_outcome(claim, exchange, status, disabled_reason)
        self._metrics.attempted(claim, exchange, status, disabled_reason)
        return status

    async def _write_outcome(self, claim: DeliveryClaim, exchange: Exchange, started_ms: int) -> None:
        """Settles, and tries again until the store takes it: an outage must not lose an outcome."""
        if claim.lane != "priority" or exchange.error:  # nobody waits for this outcome
            await self._pacer.let_priority_pass()
        while True:
            raise_if_cancelled()
            try:
                await self.settle(claim, exchange, started_ms)
                return
            except StoreError as error:
                log.warning("webhook_delivery.not_written", reason=str(error), delivery_id=claim.id)
                await asyncio.sleep(0.5 + self._chance())

    async def _claim_and_wait(self) -> None:
        wait_s = await self.step()
        if wait_s > 0:
            await is_set_within(self._bell, wait_s)  # looks in any case: something may be due

    async def _listen(self) -> None:
        lane = await self._queue.wait_for_doorbell()
        if lane == "late":
            asyncio.get_running_loop().call_later(self._pacer.late_rest_s(), self._bell.set)
        elif lane is not None:
            self._answered.clear()
            if lane == "priority":
                self._pacer.priority_arrived()
            self._bell.set()
            await self._answered.wait()  # until then, further rings say nothing new

    async def _sweep(self) -> None:
        handled = await self._queue.sweep()
        limits = self._pacer.limits
        await asyncio.sleep(limits.sweep_pause_s if handled else limits.sweep_interval_s)


def _headers(claim: DeliveryClaim, credentials: Credentials, started_ms: int) -> Mapping[str, str]:
    """The owner's headers come first, so that ours replace them."""
    return {
        **credentials.headers,
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        **signed_headers(credentials.signing(started_ms), claim.event_id, started_ms // 1000, claim.body),
    }


def _log_outcome(claim: DeliveryClaim, exchange: Exchange, status: str | None, disabled_reason: str) -> None:
    log.info(
        "webhook_delivery.attempted",
        outcome=exchange.outcome if status else "lost",
        attempt=claim.attempts_used + 1,
        status=exchange.status,
        error=exchange.error,
        duration_ms=round(exchange.total_ms, 1),
        delivery_status=status,
        **claim.log_context,
    )
    if status == "exhausted" and not claim.is_test:
        log.warning("webhook_delivery.exhausted", error=exchange.error, **claim.log_context)
    if disabled_reason:
        log.warning("webhook_endpoint.disabled", reason=disabled_reason, **claim.log_context)
