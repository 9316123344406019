"""Puts the webhook part of a notifier together: dispatcher and deliverer on one store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from redis.asyncio import Redis

from jobs.core.egress import EgressPolicy
from jobs.core.settings import Settings
from jobs.process.own_addresses import is_own_address
from jobs.store.client import wait_for_store
from jobs.store.scripts import Scripts
from jobs.webhooks.credentials import CredentialsBox
from jobs.webhooks.deliveries import Deliveries
from jobs.webhooks.delivery_queue import DeliveryQueue
from jobs.webhooks.destination import Destinations
from jobs.webhooks.endpoints import Endpoints
from jobs.webhooks.outbox import Outbox
from notifier.webhooks.deliverer import Deliverer
from notifier.webhooks.directory import Directory
from notifier.webhooks.dispatcher import Dispatcher
from notifier.webhooks.metrics import WebhookMetrics
from notifier.webhooks.pacing import Pacer
from notifier.webhooks.sender import Sender


class WebhookService:
    def __init__(
        self,
        settings: Settings,
        redis: Redis,
        scripts: Scripts,
        secret_keys: Sequence[str],
        metrics: WebhookMetrics | None = None,
    ) -> None:
        box = CredentialsBox(secret_keys)
        self._redis = redis
        self._destinations = Destinations(
            EgressPolicy.from_entries(settings.egress_allow, is_own=is_own_address)
        )
        self._sender = Sender(self._destinations)
        self._pacer = Pacer()
        self._deliverer = Deliverer(
            DeliveryQueue(redis, scripts), self._sender, box, self._pacer, metrics=metrics
        )
        endpoints = Endpoints(redis, scripts, box)
        self._dispatcher = Dispatcher(
            Outbox(redis),
            Directory(redis, endpoints),
            endpoints,
            Deliveries(redis, scripts),
            self._pacer,
            self._deliverer.ring,
        )

    async def run(self) -> None:
        await wait_for_store(self._redis)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._dispatcher.run())
            group.create_task(self._deliverer.run())

    async def drain(self, timeout_s: float) -> None:
        """Waits for the requests in flight, then closes everything. Cancel `run` afterwards."""
        self._dispatcher.stop()
        await self._deliverer.drain(min(timeout_s, self._pacer.limits.drain_s))
        await self._sender.close()
        self._destinations.close()
