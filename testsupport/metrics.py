"""The registries of the three processes, and what Prometheus' conventions say of metrics."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import CollectorRegistry

from api.monitoring.metrics import Metrics
from jobs.monitoring.exposition import new_registry
from jobs.monitoring.render_children import RenderChildMetrics
from jobs.monitoring.store import StoreMetrics
from jobs.worker.metrics import WorkerMetrics
from notifier.fanout.metrics import PushMetrics
from notifier.webhooks.metrics import WebhookMetrics

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
PROCESSES = ("web", "worker", "notifier")
OF_THE_PACKAGE = "process_"
"""How metrics begin that `prometheus_client` makes for every process."""

_UNITS = {"seconds", "bytes", "pages", "jobs", "events", "slots", "deliveries", "connections"}
_NOT_BASE = re.compile(r"_(ms|millis\w*|micros\w*|minutes|hours|days|kb|mb|kib|mib|kilobytes|percent)(_|$)")


def registry_of(process: str) -> CollectorRegistry:
    """Returns a registry as a process has it, before it has done anything."""
    registry = new_registry(process)
    StoreMetrics(registry)
    if process == "worker":
        WorkerMetrics(registry).watch_slots(2, lambda: 0, lambda: 0)
        RenderChildMetrics(registry)
        return registry
    PushMetrics(registry)
    if process == "web":
        Metrics(registry=registry)
    else:
        WebhookMetrics(registry)
    return registry


def families(text: str, content_type: str = "text/plain") -> dict[str, Metric]:
    """Parses a page; returns its families by the name under which samples are asked for."""
    parse = parse_open_metrics if content_type.startswith("application/openmetrics") else parse_text
    found: dict[str, Metric] = {}
    for family in parse(text):
        name = asked_name(family)
        assert name not in found, f"{name} is there twice"
        found[name] = family
    return found


def asked_name(family: Metric) -> str:
    return family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")


def problems(family: Metric) -> Iterator[str]:
    """Yields what `promtool check metrics` and Prometheus' page "Metric and label naming" object
    to."""
    name, labels = family.name, {label for sample in family.samples for label in sample.labels}
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        yield f"{name}: lower case with underscores"
    if not family.documentation or not family.documentation.endswith("."):
        yield f"{name}: a help text that is a sentence"
    if family.type != "counter" and name.endswith("_total"):
        yield f"{name}: only counters end in _total"
    if family.type != "histogram" and name.endswith(("_bucket", "_count", "_sum")):
        yield f"{name}: that ending is for histograms"
    if _NOT_BASE.search(name):
        yield f"{name}: base units only"
    if family.type == "histogram" and name.rpartition("_")[2] not in _UNITS:
        yield f"{name}: a histogram ends in its unit"
    if any(word in name.split("_") for word in ("gauge", "counter", "histogram", "summary")):
        yield f"{name}: the type is not part of a name"
    if wrong := labels & {"tenant", "job_id", "id", "url", "target", "request_id"}:
        yield f"{name}: labels {wrong} have too many values"
    if any(re.search("[A-Z]", label) for label in labels):
        yield f"{name}: labels in lower case"


def checked_by_promtool(text: str) -> str | None:
    """Returns what `promtool check metrics` says; empty if all is well, None if it is not here."""
    promtool = shutil.which("promtool")
    if promtool is None:
        return None
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
    return checked.stdout + checked.stderr
