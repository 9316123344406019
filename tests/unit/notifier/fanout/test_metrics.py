from __future__ import annotations

import dataclasses

import pytest
from prometheus_client.registry import CollectorRegistry

from jobs.core.events import Event
from notifier.fanout.hub import Hub
from notifier.fanout.metrics import PushMetrics
from notifier.protocol.close_codes import CloseCode
from notifier.protocol.job_subscription import JobSubscription
from testsupport.push_fakes import NoLimits, Records
from testsupport.sample_events import make_event, make_job

NOW_S = 1_800_000_000.0


class StoreWithAClock:
    """The store's clock is this much ahead."""

    def __init__(self, ahead_s: int) -> None:
        self._ahead_s = ahead_s

    async def time(self) -> tuple[int, int]:
        return int(NOW_S) + self._ahead_s, 0


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> PushMetrics:
    return PushMetrics(registry, lambda: NOW_S)


def written(ago_s: float) -> Event:
    event = make_event(make_job(), 1)
    return dataclasses.replace(event, written_ms=round((NOW_S - ago_s) * 1000))


def seconds(registry: CollectorRegistry) -> tuple[float | None, float | None]:
    name = "pressrun_event_push_seconds"
    return registry.get_sample_value(f"{name}_count"), registry.get_sample_value(f"{name}_sum")


def test_an_event_is_timed_if_somebody_follows_it(registry: CollectorRegistry, metrics: PushMetrics) -> None:
    hub = Hub(Records(), Records(), NoLimits(), metrics=metrics)
    job, other = make_job(), make_job()
    hub.watch(JobSubscription("s1", 1, job.tenant, job.id, None))
    hub.on_event(dataclasses.replace(make_event(other, 1), written_ms=1))
    assert seconds(registry) == (0, 0)
    hub.on_event(dataclasses.replace(make_event(job, 1), written_ms=round(NOW_S * 1000) - 250))
    assert seconds(registry) == (1, pytest.approx(0.25))


def test_an_event_that_was_not_read_from_the_bus_is_not_timed(
    registry: CollectorRegistry, metrics: PushMetrics
) -> None:
    metrics.pushed(make_event(make_job(), 1))
    assert seconds(registry) == (0, 0)


@pytest.mark.parametrize("ahead_s", [-30, 0, 30])
async def test_the_clock_of_the_store_may_differ(
    registry: CollectorRegistry, metrics: PushMetrics, ahead_s: int
) -> None:
    await metrics.compare_clocks(StoreWithAClock(ahead_s))  # type: ignore[arg-type]
    metrics.pushed(written(0.5 - ahead_s))
    assert seconds(registry) == (1, pytest.approx(0.5))


def test_no_event_is_pushed_before_it_was_written(registry: CollectorRegistry, metrics: PushMetrics) -> None:
    metrics.pushed(written(-5))
    assert seconds(registry) == (1, 0)


def test_gaps_resets_and_closes_are_counted_by_reason(
    registry: CollectorRegistry, metrics: PushMetrics
) -> None:
    Hub(Records(), Records(), NoLimits(), metrics=metrics).on_gap()
    metrics.reset("retention")
    metrics.closed(None)
    metrics.closed(CloseCode.TOO_SLOW)
    metrics.refused(CloseCode.OVERLOADED)
    for name, labels in (
        ("pressrun_event_gaps_total", {}),
        ("pressrun_push_resets_total", {"reason": "retention"}),
        ("pressrun_push_closes_total", {"reason": "client"}),
        ("pressrun_push_closes_total", {"reason": "too_slow"}),
        ("pressrun_push_refusals_total", {"reason": "overloaded"}),
    ):
        assert registry.get_sample_value(name, labels) == 1, name
