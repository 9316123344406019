"""Tells how much work of webhooks waits in the store."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.store.scripts import Scripts


@dataclass(frozen=True, slots=True)
class WebhookLoad:
    outbox: int
    """Events for which no delivery was made yet."""
    oldest_ms: int
    """How long ago the oldest of them was written; 0 if there is none."""
    retries: int
    """Deliveries that wait for their next attempt."""
    sending: int
    breakers_open: int
    """Targets that get no requests at the moment, because they only failed."""
    breakers_half_open: int
    """Targets that get one request at a time, to see if they work again."""


async def read_webhook_load(scripts: Scripts) -> WebhookLoad:
    """Asks the store. Raises StoreUnavailable."""
    return WebhookLoad(*await scripts.call("webhook_load"))
