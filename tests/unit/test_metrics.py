"""The metrics of all processes follow Prometheus' conventions, and `docs/metrics.md` has each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric

from jobs.monitoring.exposition import page_of
from testsupport.metrics import (
    OF_THE_PACKAGE,
    OPEN_METRICS,
    PROCESSES,
    asked_name,
    checked_by_promtool,
    families,
    problems,
    registry_of,
)

PAGE = Path(__file__).parents[2] / "docs/metrics.md"
ROW = re.compile(r"^\| `(pressrun_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|", re.MULTILINE)


def own(process: str) -> dict[str, Metric]:
    """The families of a process as it declares them: those without values, too."""
    registry = registry_of(process)
    declared = [
        family
        for collector in list(registry._collector_to_names)
        for family in getattr(collector, "describe", collector.collect)()
    ]
    return {asked_name(each): each for each in declared if not each.name.startswith(OF_THE_PACKAGE)}


@pytest.mark.parametrize("process", PROCESSES)
def test_both_formats_can_be_parsed(process: str) -> None:
    registry = registry_of(process)
    for accept in ("", OPEN_METRICS):
        page = page_of(registry, accept)
        assert f"{OF_THE_PACKAGE}cpu_seconds_total" in families(page.body.decode(), page.content_type)


@pytest.mark.parametrize("process", PROCESSES)
def test_names_follow_the_conventions(process: str) -> None:
    found = own(process)
    assert found
    assert [problem for family in found.values() for problem in problems(family)] == []


@pytest.mark.parametrize(
    ("family", "problem"),
    [
        (Metric("pressrun_wait_ms", "Waits.", "gauge"), "base units"),
        (Metric("pressrun_wait_seconds", "", "gauge"), "help text"),
        (Metric("pressrun_jobs_total", "Jobs.", "gauge"), "only counters"),
        (Metric("pressrun_job_count", "Jobs.", "gauge"), "for histograms"),
        (Metric("pressrun_waitSeconds", "Waits.", "gauge"), "lower case"),
        (Metric("pressrun_wait", "Waits.", "histogram"), "its unit"),
        (Metric("pressrun_jobs_gauge", "Jobs.", "gauge"), "the type"),
    ],
)
def test_the_check_finds_what_does_not_follow_them(family: Metric, problem: str) -> None:
    assert [each for each in problems(family) if problem in each]


@pytest.mark.parametrize("process", PROCESSES)
def test_promtool_finds_nothing(process: str) -> None:
    said = checked_by_promtool(page_of(registry_of(process), "").body.decode())
    if said is None:
        pytest.skip("promtool is not installed")
    assert said == ""


def test_the_page_has_every_metric_and_no_other() -> None:
    documented = {name: (kind, labels, where) for name, kind, labels, where in ROW.findall(PAGE.read_text())}
    declared: dict[str, tuple[str, set[str]]] = {}
    for process in PROCESSES:
        for name, family in own(process).items():
            declared.setdefault(name, (family.type, set()))[1].add(process)
    assert documented.keys() == declared.keys()
    for name, (kind, _, where) in documented.items():
        assert kind == declared[name][0], name
        assert set(where.split(", ")) == declared[name][1], name
