"""The metrics of all processes follow Prometheus' conventions, and `docs/metrics.md` has each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
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

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/metrics.md"
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


ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"][0]["rules"]
METRIC = re.compile(r"\bpressrun_\w+")


def known_samples() -> set[str]:
    """The names by which samples can be asked for."""
    names: set[str] = set()
    for process in PROCESSES:
        for name, family in own(process).items():
            endings = ("_bucket", "_count", "_sum") if family.type == "histogram" else ("",)
            names |= {name + ending for ending in endings}
    return names


@pytest.mark.parametrize("alert", ALERTS, ids=[alert["alert"] for alert in ALERTS])
def test_an_alert_asks_for_what_there_is(alert: dict[str, Any]) -> None:
    assert set(METRIC.findall(alert["expr"])) <= known_samples()
    assert alert["annotations"]["summary"].endswith(".")
    assert alert["labels"]["severity"] in ("critical", "warning")


def test_the_runbook_has_a_section_for_each_alert_and_no_other() -> None:
    text = (ROOT / "docs/runbook.md").read_text()
    sections = re.findall(
        r"^## (\w+)\n\n\*\*Means\*\*: .+?\*\*Look at\*\*: .+?\*\*Do\*\*: ", text, re.M | re.S
    )
    assert sections == [alert["alert"] for alert in ALERTS]


@pytest.mark.parametrize("page", ["docs/runbook.md", "docs/metrics.md"])
def test_pages_name_only_metrics_that_there_are(page: str) -> None:
    named = {name for name in METRIC.findall((ROOT / page).read_text()) if not name.endswith("_")}
    families_of_samples = known_samples() | {re.sub("_bucket$", "", name) for name in known_samples()}
    assert named <= families_of_samples


def test_the_dashboard_shows_only_metrics_that_there_are() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/pressrun.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert len(queries) > 20
    assert {name for query in queries for name in METRIC.findall(query)} <= known_samples()
