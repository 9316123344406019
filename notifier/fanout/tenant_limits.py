"""How many clients and subscriptions a tenant may have, over all processes together.

Each process counts its own and tells the others through the store, soon after a change and again before its lease runs
out. A newcomer is let in on what is known at that moment; when the next exchange shows that there was no room, those
who came since the last one are sent away again. So the limit holds within a fraction of a second, no client waits for
the store, and a process that dies gives back its share with its lease.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from typing import Protocol

import structlog

from jobs.core.errors.store import StoreError
from jobs.core.settings import Settings
from jobs.process.event_wait import is_set_within
from jobs.store.scripts import Scripts

log = structlog.get_logger(__name__)

LEASE_MS = 15_000
_RENEW_S = 5.0
_EXCHANGE_S = 0.1
"""How soon after a change the others are told."""


class Occupant(Protocol):
    """A connection or stream, as far as the limits know it."""

    def evict(self) -> None:
        """There was no room for it."""


class _Share:
    """What this process has of one tenant, and what the others said last."""

    __slots__ = ("connections", "newcomers", "other_connections", "other_subscriptions", "subscriptions")

    def __init__(self) -> None:
        self.connections = 0
        self.subscriptions = 0
        self.other_connections = 0
        self.other_subscriptions = 0
        self.newcomers: dict[Occupant, None] = {}


class Limits:
    """The counts of this process. Needs to `run`."""

    def __init__(self, scripts: Scripts, settings: Settings) -> None:
        self._scripts = scripts
        self._max_connections = settings.max_connections
        self._max_subscriptions = settings.max_subscriptions
        self._process = secrets.token_hex(8)
        self._shares: dict[str, _Share] = {}
        self._changed: set[str] = set()
        self._has_changed = asyncio.Event()

    def connect(self, tenant: str, occupant: Occupant) -> bool:
        """Counts a connection, where there is room for it."""
        share = self._shares.setdefault(tenant, _Share())
        if share.connections + share.other_connections >= self._max_connections:
            return False
        share.connections += 1
        share.newcomers[occupant] = None
        self._note(tenant)
        return True

    def disconnect(self, tenant: str, occupant: Occupant) -> None:
        """A connection that was counted has ended."""
        share = self._shares[tenant]
        share.connections -= 1
        share.newcomers.pop(occupant, None)
        self._note(tenant)

    def subscribe(self, tenant: str) -> bool:
        """Counts a subscription, where there is room for it."""
        share = self._shares.setdefault(tenant, _Share())
        if share.subscriptions + share.other_subscriptions >= self._max_subscriptions:
            return False
        share.subscriptions += 1
        self._note(tenant)
        return True

    def unsubscribe(self, tenant: str) -> None:
        """A subscription that was counted has ended."""
        self._shares[tenant].subscriptions -= 1
        self._note(tenant)

    async def run(self) -> None:
        """Exchanges counts for ever. While the store is away, each process goes by what it knew."""
        while True:
            if await is_set_within(self._has_changed, _RENEW_S):
                await asyncio.sleep(_EXCHANGE_S * (0.5 + random.random()))  # noqa: S311 (jitter)
                tenants = tuple(self._changed)
            else:
                tenants = tuple(self._shares)
            self._changed.difference_update(tenants)
            if not self._changed:
                self._has_changed.clear()
            for tenant in tenants:
                try:
                    await self._exchange(tenant)
                except StoreError as error:
                    log.warning("limits.waiting", reason=str(error))
                    self._note(tenant)
                    await asyncio.sleep(_RENEW_S / 5)

    def _note(self, tenant: str) -> None:
        self._changed.add(tenant)
        self._has_changed.set()

    async def _exchange(self, tenant: str) -> None:
        share = self._shares[tenant]
        newcomers, connections = tuple(share.newcomers), share.connections
        others = await self._scripts.call(
            "connection_counts",
            tenant=tenant,
            process=self._process,
            connections=connections,
            subscriptions=share.subscriptions,
            lease_ms=LEASE_MS,
        )
        share.other_connections, share.other_subscriptions = others
        excess = min(connections + share.other_connections - self._max_connections, len(newcomers))
        for occupant in newcomers:
            share.newcomers.pop(occupant, None)
        for occupant in newcomers[len(newcomers) - max(excess, 0) :]:
            log.info("connection.evicted", tenant=tenant)
            occupant.evict()
        if not share.connections and not share.subscriptions and tenant not in self._changed:
            del self._shares[tenant]
