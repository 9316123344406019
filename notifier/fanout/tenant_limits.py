"""Limits how many clients and subscriptions a tenant has, over all processes together.

Each process counts its own, and exchanges counts with the others through the store: soon after a
change, and again before its lease on the counts ends. A new client is accepted by the counts known
at that moment. If the next exchange shows that the limit was exceeded, the clients that came since
the last exchange are evicted. So the limit holds within a fraction of a second, and no client waits
for the store.

Being refused or evicted may pass, so clients come back after growing waits. A client that is
refused because of the others' counts causes an exchange, so its next try meets fresh ones. A
process that stops gives its share back before it sends its clients away. The share of a process
that dies ends with its lease.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from dataclasses import dataclass, field

import structlog

from jobs.core.errors.store import StoreError
from jobs.core.settings import Settings
from jobs.process.event_wait import is_set_within
from jobs.process.testsignal import TestSignal
from jobs.store.client import raise_if_cancelled
from jobs.store.scripts import Scripts
from notifier.protocol.fanout_interface import CountedClient

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ExchangeTiming:
    """When a process exchanges its counts."""

    lease_ms: int = 15_000
    """How long the others count the clients of a process that says nothing."""
    renew_s: float = 5.0
    """Between two exchanges without a change: two may fail before the lease ends."""
    delay_s: float = 0.1
    """From a change to the exchange, on average, so that many changes share one."""
    release_timeout_s: float = 2.0
    """How long a process that stops waits for the store to take back its share."""


DEFAULT_EXCHANGE_TIMING = ExchangeTiming()


@dataclass(slots=True)
class _TenantCounts:
    """What this process has of one tenant, and what the others had at the last exchange."""

    connections: int = 0
    subscriptions: int = 0
    other_connections: int = 0
    other_subscriptions: int = 0
    newcomers: dict[CountedClient, None] = field(default_factory=dict)


class TenantLimits:
    """Counts the clients of this process, and knows those of the others while `run` runs."""

    def __init__(
        self, scripts: Scripts, settings: Settings, timing: ExchangeTiming = DEFAULT_EXCHANGE_TIMING
    ) -> None:
        self._timing = timing
        self._scripts = scripts
        self._max_connections = settings.max_connections
        self._max_subscriptions = settings.max_subscriptions
        self._process = secrets.token_hex(8)
        self._counts: dict[str, _TenantCounts] = {}
        self._changed: set[str] = set()
        self._has_changed = asyncio.Event()
        self._exchanging = asyncio.Lock()
        """Exchanges go one by one, so that none from before `release` arrives after it."""
        self._is_released = False
        self.exchanged: TestSignal[str] = TestSignal()

    def connect(self, tenant: str, client: CountedClient) -> bool:
        counts = self._counts.setdefault(tenant, _TenantCounts())
        if counts.connections + counts.other_connections >= self._max_connections:
            self._note(tenant)
            return False
        counts.connections += 1
        counts.newcomers[client] = None
        self._note(tenant)
        return True

    def disconnect(self, tenant: str, client: CountedClient) -> None:
        counts = self._counts[tenant]
        counts.connections -= 1
        counts.newcomers.pop(client, None)
        self._note(tenant)

    def subscribe(self, tenant: str) -> bool:
        counts = self._counts.setdefault(tenant, _TenantCounts())
        if counts.subscriptions + counts.other_subscriptions >= self._max_subscriptions:
            self._note(tenant)
            return False
        counts.subscriptions += 1
        self._note(tenant)
        return True

    def unsubscribe(self, tenant: str) -> None:
        self._counts[tenant].subscriptions -= 1
        self._note(tenant)

    @property
    def subscriptions(self) -> int:
        """How many subscriptions this process serves, of all tenants."""
        return sum(counts.subscriptions for counts in self._counts.values())

    async def run(self) -> None:
        """Exchanges counts until it is cancelled. While the store is away, the last ones hold."""
        while True:
            raise_if_cancelled()
            if await is_set_within(self._has_changed, self._timing.renew_s):
                await asyncio.sleep(self._timing.delay_s * (0.5 + random.random()))  # noqa: S311 (jitter)
                tenants = tuple(self._changed)
            else:
                tenants = tuple(self._counts)
            self._changed.difference_update(tenants)
            if not self._changed:
                self._has_changed.clear()
            for tenant in tenants:
                try:
                    await self._exchange(tenant)
                except StoreError as error:
                    log.warning("limits.waiting", reason=str(error))
                    self._note(tenant)
                    await asyncio.sleep(self._timing.renew_s / 5)

    async def release(self) -> None:
        """Gives this process's share back: its clients will leave, and count where they come next.

        Without the store this fails, and the share ends with its lease.
        """
        self._is_released = True
        try:
            async with asyncio.timeout(self._timing.release_timeout_s), self._exchanging:
                await asyncio.gather(*(self._share(tenant, 0, 0) for tenant in self._counts))
        except (StoreError, TimeoutError) as error:
            log.warning("limits.not_released", reason=str(error), lease_ms=self._timing.lease_ms)

    def _note(self, tenant: str) -> None:
        self._changed.add(tenant)
        self._has_changed.set()

    async def _exchange(self, tenant: str) -> None:
        async with self._exchanging:
            counts = self._counts.get(tenant)
            if counts is None:
                return
            newcomers, connections = tuple(counts.newcomers), counts.connections
            own = (0, 0) if self._is_released else (connections, counts.subscriptions)
            others = await self._share(tenant, *own)
        counts.other_connections, counts.other_subscriptions = others
        for client in newcomers:
            counts.newcomers.pop(client, None)
        # Those that leave anyway are not evicted: they may be counted elsewhere by now.
        excess = 0 if self._is_released else connections + counts.other_connections - self._max_connections
        for client in newcomers[::-1][: max(excess, 0)]:
            log.info("connection.evicted", tenant=tenant)
            client.evict()
        self.exchanged.emit(tenant)
        if not counts.connections and not counts.subscriptions and tenant not in self._changed:
            self._counts.pop(tenant, None)

    async def _share(self, tenant: str, connections: int, subscriptions: int) -> tuple[int, int]:
        """Tells the other processes the counts of this one, and returns theirs."""
        others: tuple[int, int] = await self._scripts.call(
            "connection_counts",
            tenant=tenant,
            process=self._process,
            connections=connections,
            subscriptions=subscriptions,
            lease_ms=self._timing.lease_ms,
        )
        return others
