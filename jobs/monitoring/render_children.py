"""Counts the render children of a worker: starts, deaths and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

from prometheus_client import Gauge
from prometheus_client.registry import CollectorRegistry

from jobs.isolation.level import Level
from jobs.monitoring.instruments import Counter


class IsolationGauge:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._gauge = Gauge(
            "pressrun_isolation_level",
            "How strictly documents are isolated: 1 for the level in force.",
            ["level"],
            registry=registry,
        )

    def set(self, level: Level) -> None:
        for each in get_args(Level):
            self._gauge.labels(each).set(each == level)


class RenderChildMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.isolation = IsolationGauge(registry)
        self._starts = Counter(
            registry, "pressrun_render_child_starts_total", "Render children that became ready."
        )
        self._failures = Counter(
            registry,
            "pressrun_render_child_start_failures_total",
            "Render children that could not be started.",
        )
        self._deaths = Counter(
            registry,
            "pressrun_render_child_deaths_total",
            "Render children that have ended: worn out or not needed, or the code of what went wrong.",
            ["reason"],
        )
        self._children = Gauge(
            "pressrun_render_children", "Render children that are ready.", ["state"], registry=registry
        )

    def watch(self, children: Callable[[], Mapping[int, bool]]) -> None:
        """Shows how many there are; `children` tells for each whether it renders."""
        self._children.labels("busy").set_function(lambda: sum(children().values()))
        self._children.labels("idle").set_function(lambda: sum(not busy for busy in children().values()))

    def started(self) -> None:
        self._starts.add()

    def not_started(self) -> None:
        self._failures.add()

    def died(self, reason: str) -> None:
        self._deaths.add(reason)
