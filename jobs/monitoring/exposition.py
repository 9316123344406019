"""A registry for the metrics of a process, and their text."""

from __future__ import annotations

from typing import NamedTuple

from prometheus_client.core import InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from jobs.process.release import package_version


class Page(NamedTuple):
    """The answer to a scrape."""

    body: bytes
    content_type: str


def new_registry(process: str) -> CollectorRegistry:
    """Returns a registry that says which process this is, and what the system says of it."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_ProcessInfo(process))
    return registry


def page_of(registry: CollectorRegistry, accept: str) -> Page:
    """Returns all metrics in the format for which an `Accept` header asks.

    Only OpenMetrics has exemplars.
    """
    encode, content_type = choose_encoder(accept)
    return Page(encode(registry), content_type)


class _ProcessInfo(Collector):
    def __init__(self, process: str) -> None:
        self._labels = {"process": process, "version": package_version()}

    def describe(self) -> list[InfoMetricFamily]:
        return [InfoMetricFamily("pressrun_process", "Which process this is, and of which release.")]

    def collect(self) -> list[InfoMetricFamily]:
        [family] = self.describe()
        family.add_metric((), self._labels)
        return [family]
