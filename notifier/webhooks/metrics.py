"""Counts deliveries: how fast, how often, and how they ended."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from prometheus_client import Gauge
from prometheus_client.registry import CollectorRegistry

from jobs.core.times import parse_time
from jobs.monitoring.instruments import Counter, Histogram
from jobs.webhooks.delivery_queue import DeliveryClaim
from notifier.webhooks.exchange import Exchange

_TIMESTAMP = re.compile(rb'"timestamp":"([^"]+)"')
_HEAD_BYTES = 300
"""Of the body: id, type and timestamp come first (`scripts/common/_event.lua`)."""


class WebhookMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            registry,
            "pressrun_webhook_attempts_total",
            "Requests to receivers, and how they ended; error is empty after 2xx.",
            ["outcome", "error"],
        )
        self._ended = Counter(
            registry,
            "pressrun_webhook_deliveries_ended_total",
            "Deliveries that are not tried again.",
            ["status"],
        )
        self._disabled = Counter(
            registry, "pressrun_webhook_endpoints_disabled_total", "Endpoints that were disabled.", ["reason"]
        )
        self._exchange = Histogram(
            registry,
            "pressrun_webhook_exchange_seconds",
            "Requests to receivers, until their answers or failures.",
        )
        self._latency = Histogram(
            registry,
            "pressrun_webhook_latency_seconds",
            "From an event to the answer of the receiver, for first attempts that were answered.",
        )
        self._in_flight = Gauge(
            "pressrun_webhook_requests_in_flight", "Requests that wait for an answer.", registry=registry
        )

    def watch_in_flight(self, count: Callable[[], int]) -> None:
        self._in_flight.set_function(count)

    def attempted(self, claim: DeliveryClaim, exchange: Exchange, status: str | None, disabled: str) -> None:
        """Counts an attempt; `status` and `disabled` are what `DeliveryQueue.settle` returned."""
        self._attempts.add(exchange.outcome if status else "lost", exchange.error or "")
        self._exchange.observe(exchange.total_ms / 1000)
        if claim.is_test:
            return
        if status is not None and status != "pending":
            self._ended.add(status)
        if disabled:
            self._disabled.add(disabled)

    def answered(self, claim: DeliveryClaim, claimed_s: float) -> None:
        """Notes the answer to an attempt that was claimed at `claimed_s`, by `time.monotonic`."""
        if claim.is_test or claim.attempts_used or claim.faults:
            return
        found = _TIMESTAMP.search(claim.body, 0, _HEAD_BYTES)
        if found is not None:
            # Both times are the store's, so it does not matter if its clock differs from ours.
            waited_s = claim.claimed_ms / 1000 - parse_time(found[1].decode()).timestamp()
            self._latency.observe(max(0.0, waited_s) + time.monotonic() - claimed_s)

    def given_up(self, number: int) -> None:
        """Counts deliveries whose notifiers died, one after the other."""
        if number:
            self._ended.add("exhausted", number=number)
