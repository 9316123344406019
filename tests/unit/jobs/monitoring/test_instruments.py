from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain
from prometheus_client.registry import CollectorRegistry

from jobs.monitoring.exposition import page_of
from jobs.monitoring.instruments import Counter, Histogram

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_a_counter_counts_each_combination_of_labels(registry: CollectorRegistry) -> None:
    counter = Counter(registry, "jobs_total", "Jobs.", ["kind", "status"])
    counter.add("pdf.render", "failed")
    counter.add("pdf.render", "failed", number=2)
    counter.add("pdf.merge", "failed")
    assert registry.get_sample_value("jobs_total", {"kind": "pdf.render", "status": "failed"}) == 3
    assert registry.get_sample_value("jobs_total", {"kind": "pdf.merge", "status": "failed"}) == 1


def test_without_labels_there_is_a_value_from_the_start(registry: CollectorRegistry) -> None:
    Counter(registry, "gaps_total", "Gaps.")
    Histogram(registry, "wait_seconds", "Waits.")
    assert registry.get_sample_value("gaps_total") == 0
    assert registry.get_sample_value("wait_seconds_count") == 0


def test_a_histogram_counts_values_up_to_each_bound(registry: CollectorRegistry) -> None:
    histogram = Histogram(registry, "wait_seconds", "Waits.", ["kind"], bounds=(0.1, 1))
    for value in (0.05, 0.1, 0.5, 30.0):
        histogram.observe(value, "pdf.render")
    buckets = [
        registry.get_sample_value("wait_seconds_bucket", {"kind": "pdf.render", "le": bound})
        for bound in ("0.1", "1.0", "+Inf")
    ]
    assert buckets == [2, 3, 4]
    assert registry.get_sample_value("wait_seconds_sum", {"kind": "pdf.render"}) == pytest.approx(30.65)


def test_exemplars_name_the_newest_job_in_openmetrics_only(registry: CollectorRegistry) -> None:
    counter = Counter(registry, "errors_total", "Errors.", ["code"])
    histogram = Histogram(registry, "wait_seconds", "Waits.", bounds=(1,))
    for job_id in ("job_1", "job_2"):
        counter.add("render_failed", job_id=job_id)
        histogram.observe(0.5, job_id=job_id)
    page = page_of(registry, OPEN_METRICS)
    assert page.content_type.startswith("application/openmetrics-text")
    samples = [each for family in open_metrics(page.body.decode()) for each in family.samples]
    found = {each.name: each.exemplar for each in samples if each.exemplar}
    assert {name: each.labels["job_id"] for name, each in found.items()} == {
        "errors_total": "job_2",
        "wait_seconds_bucket": "job_2",
    }
    assert found["wait_seconds_bucket"].value == 0.5

    page = page_of(registry, "text/plain")
    assert page.content_type.startswith("text/plain")
    assert b"job_2" not in page.body
    assert {family.name for family in plain(page.body.decode())} == {"errors", "wait_seconds"}


def test_a_name_cannot_be_taken_twice(registry: CollectorRegistry) -> None:
    Counter(registry, "jobs_total", "Jobs.")
    with pytest.raises(ValueError, match="jobs_total"):
        Counter(registry, "jobs_total", "Other jobs.")
