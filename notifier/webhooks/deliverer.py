"""From deliveries to requests: claims, sends, and writes down what came of it.

What is true if the notifier dies between two steps (each is one atomic script):

1. claimed, nothing sent, or sent and nothing written: the claim runs out, the delivery is sent again with the same
   `webhook-id`; the receiver's attempts are untouched;
2. settled: done; the next attempt, if any, is in the store.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from functools import lru_cache

import structlog

from jobs.core.errors.store import StoreError
from jobs.process.event_wait import is_set_within
from jobs.webhooks.credentials import Credentials, CredentialsUnreadable, SecretBox, tenant_owner
from jobs.webhooks.delivery_queue import DeliveryClaim, DeliveryQueue, Settled
from jobs.webhooks.signing import signed_headers
from notifier.webhooks import schedule
from notifier.webhooks.exchange import Exchange
from notifier.webhooks.pacing import STAND_BACK_S, News
from notifier.webhooks.sender import DEADLINE_S, USER_AGENT, Sender, WebhookRequest

log = structlog.get_logger(__name__)

SLOTS = 1024
"""How many requests one notifier has under way at most."""
CLAIM_AT_ONCE, CLAIM_BESIDE_NEWS = 48, 8
"""Every request begun costs the loop a fraction of a millisecond: what is new must not wait behind many of them. Where
no news is expected, so many that the store has claims to make while what it gave before is sent."""
LATE_AT_ONCE, LATE_BESIDE_NEWS = 16, 1
"""Of these, how many may be late ones: retries, receivers that fail. What news that meets them loses is the length of
one such bite, so beside news they are small."""
REST = 0.5
"""After claiming and beginning late ones, none for so many times as long as that took."""
DEADLINE_SPREAD = 0.1
"""Up to this part more is granted, so that hundreds that hang since the same moment do not end in the same moment."""
UNLIMITED = 1_000_000
POLL_S = 1.0
SWEEP_INTERVAL_S = 10.0
SWEEP_PAUSE_S = 0.02
"""Between the parts of a long sweep: it must not hold up what is sent."""


class Deliverer:
    """One notifier's part of the deliveries."""

    def __init__(
        self,
        queue: DeliveryQueue,
        sender: Sender,
        box: SecretBox,
        news: News,
        *,
        slots: int = SLOTS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._news = news
        self._slots = slots
        self._chance = chance
        self._open = lru_cache(maxsize=10_000)(box.open)
        self._late_from = 0.0
        self._bell, self._looked = asyncio.Event(), asyncio.Event()
        self._claiming = asyncio.Lock()
        self._is_draining = self._is_full = False
        self._under_way: set[asyncio.Task[None]] = set()

    def ring(self) -> None:
        """There is news to claim."""
        self._news.came()
        self._bell.set()

    async def run(self) -> None:
        """Delivers until it is cancelled, after `drain`; waits where the store is away."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._claim_on())
            group.create_task(self._listen())
            group.create_task(self._sweep_on())

    async def drain(self, timeout_s: float) -> None:
        """Claims nothing more, and waits for the requests under way; what is left then is sent again by others."""
        self._is_draining = True
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._claiming,
            ):  # a claim under way brings its last requests
                await self.settled()
        except TimeoutError:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def step(self) -> float:
        """Claims once and begins to send; returns after how many seconds to look again, unless the bell rings."""
        async with self._claiming:
            await self._news.arrive()
            self._bell.clear()
            came = self._news.count
            try:
                return await self._look()
            finally:
                self._looked.set()
                self._news.taken(came)

    async def _look(self) -> float:
        free = self._slots - len(self._under_way)
        self._is_full = free <= 0
        if self._is_full or self._is_draining:
            return POLL_S
        # A part of what is free: the next look, at the new load, decides about the rest.
        is_news = self._news.is_expected
        want = min(max(1, free // 4), CLAIM_BESIDE_NEWS if is_news else CLAIM_AT_ONCE)
        most_late = LATE_BESIDE_NEWS if is_news else LATE_AT_ONCE
        asked = time.perf_counter()
        if asked < self._late_from + (STAND_BACK_S if self._news.is_waiting else 0.0):
            most_late = 0
        haul = await self._queue.claim(want, self._most_per_target(), most_late)
        for claim in haul.claims:
            self._begin(claim)
        await asyncio.sleep(0)  # by then all are signed and sent, where there are connections
        for delivery_id in haul.given_up:
            log.error("webhook_delivery.exhausted", error="notifier_lost", delivery_id=delivery_id)
        now = time.perf_counter()
        if most_late and (haul.next_due_ms == 0 or any(claim.part == "late" for claim in haul.claims)):
            self._late_from = now + REST * (now - asked)
        if len(haul.claims) == want:
            return 0.0
        wait_s = POLL_S if haul.next_due_ms is None else min((haul.next_due_ms + 1) / 1000, POLL_S)
        return max(wait_s, min(self._late_from - now, POLL_S))

    def _begin(self, claim: DeliveryClaim) -> None:
        task = asyncio.create_task(self.deliver(claim))
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    async def settled(self) -> None:
        """Returns once nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _most_per_target(self) -> int:
        """The fuller it gets, the fewer requests a single target may have: some that hang must not take all slots."""
        load = len(self._under_way) / self._slots
        return UNLIMITED if load < 0.5 else 2 if load < 0.8 else 1

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._is_full:  # otherwise the store's doorbell says whether this has made anything possible
            self._bell.set()

    # --- one delivery -----------------------------------------------------------------------------------------

    async def deliver(self, claim: DeliveryClaim) -> None:
        """One attempt, from the claim to its outcome in the store. Never raises."""
        try:
            started_ms = round(time.time() * 1000)
            exchange = await self.attempt(claim, started_ms)
            await self._write_down(claim, exchange, started_ms)
        except Exception:  # the claim runs out and the delivery comes again
            log.exception("webhook_delivery.crashed", **claim.log_context)

    async def attempt(self, claim: DeliveryClaim, started_ms: int) -> Exchange:
        """Signs and sends."""
        owner = claim.target_id if claim.target_id.startswith("we_") else tenant_owner(claim.tenant)
        try:
            credentials = self._open(claim.sealed, owner)
        except CredentialsUnreadable as error:
            return Exchange(error="credentials_unreadable", message=str(error), is_fault=True)
        return await self._sender.send(
            WebhookRequest(claim.url, claim.body, _headers(claim, credentials, started_ms)),
            DEADLINE_S * (1 + DEADLINE_SPREAD * self._chance()),
        )

    async def settle(self, claim: DeliveryClaim, exchange: Exchange, started_ms: int) -> Settled:
        """Writes the outcome down, and says so in the log."""
        if exchange.is_fault:
            age_ms = claim.claimed_ms - claim.round_ms
            delay_ms = schedule.after_fault(claim.faults, age_ms, self._chance())
        else:
            delay_ms = schedule.after_failure(
                claim.attempts_used + 1, exchange.retry_after_ms, self._chance()
            )
        is_busy = exchange.status in (429, 503)
        settled = await self._queue.settle(
            claim,
            exchange.outcome,
            exchange.record(started_ms, max(0, claim.claimed_ms - claim.waiting_since_ms)),
            delay_ms=delay_ms,
            hold_ms=schedule.hold_ms(exchange.retry_after_ms) if is_busy else 0,
            chance=self._chance(),
            took_ms=exchange.total_ms,
        )
        _log_outcome(claim, exchange, settled)
        return settled

    async def _write_down(self, claim: DeliveryClaim, exchange: Exchange, started_ms: int) -> None:
        """Tries until the store has taken it: what was delivered must not be forgotten while the store is away."""
        if claim.part != "news" or exchange.error:  # nothing that somebody waits for depends on it
            await self._news.pass_by()
        while True:
            try:
                await self.settle(claim, exchange, started_ms)
                return
            except StoreError as error:
                log.warning("webhook_delivery.not_written", reason=str(error), delivery_id=claim.id)
                await asyncio.sleep(0.5 + self._chance())

    # --- loops ------------------------------------------------------------------------------------------------

    async def _claim_on(self) -> None:
        while not self._is_draining:  # a call to the store may swallow a cancellation
            try:
                wait_s = await self.step()
            except StoreError as error:
                log.warning("webhook.claim_interrupted", reason=str(error))
                await asyncio.sleep(0.5 + self._chance())
                continue
            if wait_s > 0:
                await is_set_within(self._bell, wait_s)  # without it, look all the same: something may be due

    async def _listen(self) -> None:
        while not self._is_draining:  # a call to the store may swallow a cancellation
            try:
                rung = await self._queue.wait_for_doorbell()
                if rung == "late":
                    rest_s = max(0.0, self._late_from - time.perf_counter())
                    asyncio.get_running_loop().call_later(rest_s, self._bell.set)
                elif rung is not None:
                    self._looked.clear()
                    if rung == "news":
                        self._news.came()
                    self._bell.set()
                    await self._looked.wait()  # until then, further rings say nothing new
            except StoreError:
                await asyncio.sleep(0.5 + self._chance())

    async def _sweep_on(self) -> None:
        while not self._is_draining:  # a call to the store may swallow a cancellation
            try:
                handled = await self._queue.sweep()
            except StoreError as error:
                log.warning("webhook.sweep_interrupted", reason=str(error))
                handled = 0
            await asyncio.sleep(SWEEP_PAUSE_S if handled else SWEEP_INTERVAL_S)


def _headers(claim: DeliveryClaim, credentials: Credentials, started_ms: int) -> Mapping[str, str]:
    """The owner's headers first: ours replace them."""
    return {
        **credentials.headers,
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        **signed_headers(credentials.signing(started_ms), claim.event_id, started_ms // 1000, claim.body),
    }


def _log_outcome(claim: DeliveryClaim, exchange: Exchange, settled: Settled) -> None:
    log.info(
        "webhook_delivery.attempted",
        outcome=exchange.outcome if settled.status else "lost",
        attempt=claim.attempts_used + 1,
        status=exchange.status,
        error=exchange.error,
        duration_ms=round(exchange.total_ms, 1),
        delivery_status=settled.status,
        **claim.log_context,
    )
    if settled.status == "exhausted" and not claim.is_test:
        log.warning("webhook_delivery.exhausted", error=exchange.error, **claim.log_context)
    if settled.disabled_reason:
        log.warning("webhook_endpoint.disabled", reason=settled.disabled_reason, **claim.log_context)
