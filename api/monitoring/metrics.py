"""Counts requests and jobs of this process for Prometheus."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobs.store.memory import StoreMemory

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters of one app. Labels have few values: routes and kinds, never ids or tenants."""

    def __init__(self, max_tenant_bytes: int | None = None) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        requests = Counter(
            "pressrun_http_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        accepted = Counter(
            "pressrun_jobs_accepted_total",
            "Submissions answered with 202.",
            ["kind", "replayed"],
            registry=self._registry,
        )
        self.long_polls = Gauge(
            "pressrun_http_long_polls", "Requests that wait for a job to change.", registry=self._registry
        )
        self._store_memory = Gauge(
            "pressrun_store_memory_bytes",
            "Memory of the store: all that is used, and the part of it that events use.",
            ["part"],
            registry=self._registry,
        )
        self._store_limit = Gauge(
            "pressrun_store_memory_limit_bytes", "maxmemory of the store.", registry=self._registry
        )
        self._artifacts_writable = Gauge(
            "pressrun_artifacts_writable",
            "1 if the place for documents and results takes something, else 0.",
            registry=self._registry,
        )
        self._artifacts_free = Gauge(
            "pressrun_artifacts_free_bytes",
            "Room on the disk of the place for documents and results.",
            registry=self._registry,
        )
        self._kept = Gauge(
            "pressrun_artifact_bytes", "Documents and results of all tenants.", registry=self._registry
        )
        self._kept_most = Gauge(
            "pressrun_artifact_bytes_of_largest_tenant",
            "Documents and results of the tenant that keeps most.",
            registry=self._registry,
        )
        tenant_limit = Gauge(
            "pressrun_tenant_limit_bytes", "PRESSRUN_MAX_TENANT_BYTES.", registry=self._registry
        )
        tenant_limit.set(max_tenant_bytes or math.inf)
        # Looking up a labelled counter takes longer than counting.
        self._requests = cache(requests.labels)
        self._accepted = cache(accepted.labels)

    def answered(self, method: str, route: str, status: int) -> None:
        """Counts an answered request to `route` (a path template)."""
        self._requests(method, route, status).inc()

    def accepted(self, kind: str, replayed: bool) -> None:
        """Counts a submission answered with 202. `replayed`: the job existed already."""
        self._accepted(kind, str(replayed).lower()).inc()

    def stored(self, memory: StoreMemory | None) -> None:
        """Sets how full the store is. None clears it: no value is better than an old one."""
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

    def render(self) -> bytes:
        return generate_latest(self._registry)


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
