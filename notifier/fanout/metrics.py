"""Counts what a process pushes: how fast, to how many clients, and what they lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import get_args

from prometheus_client import Gauge
from prometheus_client.registry import CollectorRegistry
from redis.asyncio import Redis

from jobs.core.events import Event
from jobs.monitoring.instruments import Counter, Histogram
from jobs.store.client import translated_errors
from notifier.protocol.channel_subscription import ResetReason
from notifier.protocol.close_codes import CloseCode

_CLOCK_ANSWER_S = 1.0
"""A scrape does not wait for longer."""
_PUSH_SECONDS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class PushMetrics:
    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.time) -> None:
        """`clock` returns Unix seconds."""
        self._clock = clock
        self._store_ahead_s = 0.0
        self._seconds = Histogram(
            registry,
            "pressrun_event_push_seconds",
            "From the writing of an event to its hand-over to the sockets of all that follow it here.",
            bounds=_PUSH_SECONDS,
        )
        self._gaps = Counter(
            registry,
            "pressrun_event_gaps_total",
            "How often this process had to read logs or records again because it may have missed events.",
        )
        self._resets = Counter(
            registry,
            "pressrun_push_resets_total",
            "Subscriptions that were told that events are lost to them.",
            ["reason"],
        )
        for reason in get_args(ResetReason):
            self._resets.add(reason, number=0)  # else the first time would look like no change
        self._closes = Counter(
            registry,
            "pressrun_push_closes_total",
            "WebSockets that have ended: the close code of this server, or client.",
            ["reason"],
        )
        self._refusals = Counter(
            registry, "pressrun_push_refusals_total", "WebSockets that were closed at once.", ["reason"]
        )
        self._connections = Gauge(
            "pressrun_push_connections", "Clients that are connected.", ["transport"], registry=registry
        )
        self._subscriptions = Gauge(
            "pressrun_push_subscriptions", "Subscriptions over WebSockets.", registry=registry
        )

    def watch_connections(self, transport: str, count: Callable[[], int]) -> None:
        self._connections.labels(transport).set_function(count)

    def watch_subscriptions(self, count: Callable[[], int]) -> None:
        self._subscriptions.set_function(count)

    async def compare_clocks(self, redis: Redis) -> None:
        """Finds out how far the store's clock, which dates events, is ahead of ours.

        Raises StoreUnavailable.
        """
        before_s = self._clock()
        with translated_errors():
            async with asyncio.timeout(_CLOCK_ANSWER_S):
                seconds, micros = await redis.time()
        self._store_ahead_s = seconds + micros / 1e6 - (before_s + self._clock()) / 2

    def pushed(self, event: Event) -> None:
        """Notes that the event was handed to the sockets of all that follow it."""
        if event.written_ms:
            took_s = self._clock() + self._store_ahead_s - event.written_ms / 1000
            self._seconds.observe(max(0.0, took_s), job_id=event.job_id)

    def gap(self) -> None:
        self._gaps.add()

    def reset(self, reason: ResetReason) -> None:
        self._resets.add(reason)

    def closed(self, code: CloseCode | None) -> None:
        """Counts the end of a WebSocket; None if this server did not close it."""
        self._closes.add("client" if code is None else code.name.lower())

    def refused(self, code: CloseCode) -> None:
        self._refusals.add(code.name.lower())
