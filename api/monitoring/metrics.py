"""Counts requests and jobs of this process for Prometheus, and tells how the installation is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from prometheus_client import Gauge
from prometheus_client.registry import CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobs.core.job import JobStatus
from jobs.monitoring.exposition import Page, new_registry, page_of
from jobs.monitoring.instruments import Counter
from jobs.monitoring.render_children import IsolationGauge
from jobs.store.memory import StoreMemory
from jobs.store.queue_depth import QueueDepth
from jobs.webhooks.load import WebhookLoad

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The metrics of one app. Labels have few values: routes and kinds, never ids or tenants.

    What is about the whole installation (queue, store, artifacts, backlog of webhooks) is set
    before each scrape.
    """

    def __init__(
        self, max_tenant_bytes: int | None = None, registry: CollectorRegistry | None = None
    ) -> None:
        self.registry = registry or new_registry("web")
        self._requests = Counter(
            self.registry, "pressrun_http_requests_total", "Requests answered.", ["method", "route", "status"]
        )
        self._accepted = Counter(
            self.registry,
            "pressrun_jobs_accepted_total",
            "Submissions answered with 202.",
            ["kind", "replayed"],
        )
        self._ended = Counter(
            self.registry,
            "pressrun_jobs_ended_total",
            "Jobs that have reached a terminal status; code is that of the error, if any.",
            ["kind", "priority", "status", "code"],
        )
        self.long_polls = self._gauge("pressrun_http_long_polls", "Requests that wait for a job to change.")
        self.isolation = IsolationGauge(self.registry)
        self._waiting = self._gauge(
            "pressrun_queue_waiting_jobs", "Queued jobs of all tenants.", "kind", "priority"
        )
        self._oldest = self._gauge(
            "pressrun_queue_oldest_waiting_seconds",
            "How long the job that was queued first has waited; 0 if none waits.",
            "kind",
            "priority",
        )
        self._delayed = self._gauge("pressrun_queue_delayed_jobs", "Jobs that are scheduled or retrying.")
        self._claimed = self._gauge(
            "pressrun_queue_claimed_jobs", "Jobs that workers run or are about to run."
        )
        self._outbox = self._gauge(
            "pressrun_webhook_outbox_events", "Events for which no webhook delivery was planned yet."
        )
        self._outbox_oldest = self._gauge(
            "pressrun_webhook_outbox_oldest_seconds", "How long ago the oldest of these events was written."
        )
        self._backlog = self._gauge(
            "pressrun_webhook_deliveries",
            "Deliveries that wait for their next attempt, or are being sent.",
            "state",
        )
        self._breakers = self._gauge(
            "pressrun_webhook_breakers",
            "Targets whose circuit breaker is open, or lets one request at a time through.",
            "state",
        )
        self._store_memory = self._gauge(
            "pressrun_store_memory_bytes",
            "Memory of the store: all that is used, and the part of it that events use.",
            "part",
        )
        self._store_limit = self._gauge("pressrun_store_memory_limit_bytes", "maxmemory of the store.")
        self._artifacts_writable = self._gauge(
            "pressrun_artifacts_writable",
            "1 if the place for documents and results takes something, else 0.",
        )
        self._artifacts_free = self._gauge(
            "pressrun_artifacts_free_bytes", "Room on the disk of the place for documents and results."
        )
        self._kept = self._gauge("pressrun_artifact_bytes", "Documents and results of all tenants.")
        self._kept_most = self._gauge(
            "pressrun_artifact_bytes_of_largest_tenant",
            "Documents and results of the tenant that keeps most.",
        )
        tenant_limit = self._gauge("pressrun_tenant_limit_bytes", "PRESSRUN_MAX_TENANT_BYTES.")
        tenant_limit.set(max_tenant_bytes or math.inf)

    def _gauge(self, name: str, help: str, *labels: str) -> Gauge:
        return Gauge(name, help, labels, registry=self.registry)

    def answered(self, method: str, route: str, status: int) -> None:
        """Counts an answered request to `route` (a path template)."""
        self._requests.add(method, route, str(status))

    def accepted(self, kind: str, replayed: bool) -> None:
        """Counts a submission answered with 202. `replayed`: the job existed already."""
        self._accepted.add(kind, "true" if replayed else "false")

    def cancelled(self, jobs: Iterable[tuple[str, str]]) -> None:
        """Counts jobs that a client has cancelled, by kind and priority."""
        for kind, priority in jobs:
            self._ended.add(kind, priority, JobStatus.CANCELLED, "")

    def queued(self, depth: QueueDepth | None) -> None:
        """Sets what waits. None clears it: no value is better than an old one."""
        self._waiting.clear()
        self._oldest.clear()
        self._delayed.set(math.nan if depth is None else depth.delayed)
        self._claimed.set(math.nan if depth is None else depth.claimed)
        for group in () if depth is None else depth.waiting:
            self._waiting.labels(group.kind, group.priority).set(group.jobs)
            self._oldest.labels(group.kind, group.priority).set(group.oldest_s)

    def webhooks(self, load: WebhookLoad | None) -> None:
        """Sets how much work of webhooks waits. None clears it."""
        self._backlog.clear()
        self._breakers.clear()
        self._outbox.set(math.nan if load is None else load.outbox)
        self._outbox_oldest.set(math.nan if load is None else load.oldest_ms / 1000)
        if load is not None:
            self._backlog.labels("retrying").set(load.retries)
            self._backlog.labels("sending").set(load.sending)
            self._breakers.labels("open").set(load.breakers_open)
            self._breakers.labels("half_open").set(load.breakers_half_open)

    def stored(self, memory: StoreMemory | None) -> None:
        """Sets how full the store is. None clears it."""
        self._store_memory.clear()
        self._store_limit.set(math.inf)
        if memory is not None:
            self._store_memory.labels("used").set(memory.used)
            self._store_memory.labels("events").set(memory.events)
            if memory.limit is not None:
                self._store_limit.set(memory.limit)

    def artifacts(self, is_writable: bool, free_bytes: int | None) -> None:
        """Sets the state of the artifact store. A bucket has no number of free bytes."""
        self._artifacts_writable.set(is_writable)
        self._artifacts_free.set(math.inf if free_bytes is None else free_bytes)

    def kept(self, bytes_by_tenant: Mapping[str, int]) -> None:
        """Sets how much the tenants keep."""
        self._kept.set(sum(bytes_by_tenant.values()))
        self._kept_most.set(max(bytes_by_tenant.values(), default=0))

    def page(self, accept: str = "") -> Page:
        """Returns all metrics, in the format for which an `Accept` header asks."""
        return page_of(self.registry, accept)


class CountingMiddleware:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                method = scope["method"] if scope["method"] in _METHODS else "other"
                route = scope.get("route")
                self._metrics.answered(method, getattr(route, "path", "none"), message["status"])
            await send(message)

        await self._app(scope, receive, counting)
