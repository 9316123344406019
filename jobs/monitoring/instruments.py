"""Counters and histograms of a process with one event loop, as collectors of `prometheus_client`.

Those of the package take a lock and check names and labels at each call. These take a tenth of the
time, so that counting costs nothing that can be measured where thousands of events pass a second.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Exemplar

Labels = tuple[str, ...]
_Seen = tuple[str, float, float]
"""The newest observation with a job: its id, the value, and when (Unix seconds)."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""Bounds for times from a round trip to the store to a long render."""


class Counter(Collector):
    """Counts for each combination of labels."""

    def __init__(self, registry: CollectorRegistry, name: str, help: str, labels: Sequence[str] = ()) -> None:
        self._name, self._help, self._labels = name, help, labels
        self._counts: dict[Labels, int] = {} if labels else {(): 0}
        self._newest: dict[Labels, _Seen] = {}
        registry.register(self)

    def add(self, *labels: str, number: int = 1, job_id: str | None = None) -> None:
        """Adds `number`. `job_id` becomes the exemplar: a job to look at."""
        self._counts[labels] = self._counts.get(labels, 0) + number
        if job_id is not None:
            self._newest[labels] = (job_id, number, time.time())

    def describe(self) -> Iterable[Metric]:
        return [CounterMetricFamily(self._name, self._help, labels=self._labels)]

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(self._name, self._help, labels=self._labels)
        for labels, count in self._counts.items():
            family.add_metric(labels, count, exemplar=_exemplar(self._newest.get(labels)))
        return [family]


class Histogram(Collector):
    """Counts values by size, for each combination of labels."""

    def __init__(
        self,
        registry: CollectorRegistry,
        name: str,
        help: str,
        labels: Sequence[str] = (),
        *,
        bounds: Sequence[float] = SECONDS,
    ) -> None:
        self._name, self._help, self._labels = name, help, labels
        self._bounds = bounds
        self._shown_bounds = (*(str(float(bound)) for bound in bounds), "+Inf")
        self._series: dict[Labels, _Buckets] = {} if labels else {(): _Buckets(len(bounds))}
        registry.register(self)

    def observe(self, value: float, *labels: str, job_id: str | None = None) -> None:
        """Counts a value. `job_id` becomes the exemplar of its bucket."""
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = _Buckets(len(self._bounds))
        place = bisect_left(self._bounds, value)
        series.counts[place] += 1
        series.sum += value
        if job_id is not None:
            series.newest[place] = (job_id, value, time.time())

    def describe(self) -> Iterable[Metric]:
        return [HistogramMetricFamily(self._name, self._help, labels=self._labels)]

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(self._name, self._help, labels=self._labels)
        for labels, series in self._series.items():
            buckets, total = [], 0
            for place, bound in enumerate(self._shown_bounds):
                total += series.counts[place]
                exemplar = _exemplar(series.newest.get(place))
                shown = (bound, float(total))
                buckets.append(shown if exemplar is None else (*shown, exemplar))
            family.add_metric(labels, buckets, series.sum)
        return [family]


class _Buckets:
    __slots__ = ("counts", "newest", "sum")

    def __init__(self, bounds: int) -> None:
        self.counts = [0] * (bounds + 1)
        self.sum = 0.0
        self.newest: dict[int, _Seen] = {}


def _exemplar(seen: _Seen | None) -> Exemplar | None:
    return None if seen is None else Exemplar({"job_id": seen[0]}, seen[1], seen[2])
