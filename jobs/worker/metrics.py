"""Counts what a worker does: attempts and their outcomes, renders, and waits before them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import Gauge
from prometheus_client.registry import CollectorRegistry

from jobs.core.errors.job import JobError, JobExpired, WorkerLost
from jobs.core.job import Claim, JobStatus, Priority, Result
from jobs.monitoring.instruments import Counter, Histogram
from jobs.store.queue import GivenUp

_WAIT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)
_PAGES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_MIB = 1024**2
_MEMORY = tuple(_MIB * size for size in (32, 64, 128, 256, 512, 1024, 2048, 4096))
_BYTES = tuple(1024 * 4**power for power in range(1, 10))
"""From 4 KiB to 256 MiB."""


class WorkerMetrics:
    """Labels have few values: kinds, priorities and codes, never ids or tenants."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._ended = Counter(
            registry,
            "pressrun_jobs_ended_total",
            "Jobs that have reached a terminal status; code is that of the error, if any.",
            ["kind", "priority", "status", "code"],
        )
        self._attempts = Counter(
            registry,
            "pressrun_job_attempts_total",
            "Attempts of this worker that have ended, and how.",
            ["kind", "outcome"],
        )
        self._retries = Counter(
            registry,
            "pressrun_job_retries_total",
            "Attempts that have failed and are repeated.",
            ["kind", "code"],
        )
        self._wait = Histogram(
            registry,
            "pressrun_job_wait_seconds",
            "From when a job was accepted, or due, to the start of its first attempt.",
            ["kind", "priority"],
            bounds=_WAIT_SECONDS,
        )
        self._render = Histogram(
            registry, "pressrun_render_seconds", "Time that render children took for a result.", ["kind"]
        )
        self._pages = Histogram(
            registry, "pressrun_render_pages", "Pages of rendered results.", ["kind"], bounds=_PAGES
        )
        self._memory = Histogram(
            registry,
            "pressrun_render_peak_memory_bytes",
            "Largest resident size of the render child during a render.",
            ["kind"],
            bounds=_MEMORY,
        )
        self._result_bytes = Histogram(
            registry,
            "pressrun_result_bytes",
            "Sizes of results that were written as artifacts.",
            ["kind"],
            bounds=_BYTES,
        )
        self._reused = Counter(
            registry,
            "pressrun_results_reused_total",
            "Results that were copied from an earlier job with the same document.",
            ["kind"],
        )

    def watch_slots(self, slots: int, busy: Callable[[], int], held: Callable[[], int]) -> None:
        """Shows how many slots there are and are busy, and how many claimed jobs wait for one."""
        Gauge("pressrun_worker_slots", "Runs at a time.", registry=self._registry).set(slots)
        for name, text, count in (
            ("pressrun_worker_busy_slots", "Runs under way.", busy),
            ("pressrun_worker_prefetched_jobs", "Claimed jobs that wait for a free slot.", held),
        ):
            Gauge(name, text, registry=self._registry).set_function(count)

    def expect(self, kinds: Iterable[str]) -> None:
        """Shows a zero for what alerts watch: else the first time would look like no change."""
        for kind in kinds:
            for priority in Priority:
                self._ended.add(kind, priority, JobStatus.SUCCEEDED, "", number=0)
                for error in (WorkerLost, JobExpired):
                    self._ended.add(kind, priority, JobStatus.FAILED, error.code, number=0)

    def started(self, claim: Claim) -> None:
        if claim.waited_ms is not None:
            held_s = time.monotonic() - claim.claimed_s
            waited_s = claim.waited_ms / 1000 + held_s
            self._wait.observe(waited_s, claim.kind, claim.priority, job_id=claim.job_id)

    def succeeded(self, claim: Claim, result: Result) -> None:
        self._attempt_ended(claim, JobStatus.SUCCEEDED)
        self._ended.add(claim.kind, claim.priority, JobStatus.SUCCEEDED, "")
        self._result_bytes.observe(len(result.body), claim.kind)
        if result.details.get("cached"):
            self._reused.add(claim.kind)
        else:
            self._rendered(claim, result.details)

    def _rendered(self, claim: Claim, details: Mapping[str, Any]) -> None:
        """Notes the members that all results of render children have; other kinds may lack them."""
        for histogram, name, unit in (
            (self._render, "render_ms", 1000),
            (self._pages, "pages", 1),
            (self._memory, "peak_memory_bytes", 1),
        ):
            value = details.get(name)
            if isinstance(value, int | float):
                histogram.observe(value / unit, claim.kind, job_id=claim.job_id)

    def failed(self, claim: Claim, error: JobError) -> None:
        self._attempt_ended(claim, JobStatus.FAILED)
        self._ended.add(claim.kind, claim.priority, JobStatus.FAILED, error.code, job_id=claim.job_id)

    def retrying(self, claim: Claim, error: JobError) -> None:
        self._attempt_ended(claim, JobStatus.RETRYING)
        self._retries.add(claim.kind, error.code, job_id=claim.job_id)

    def interrupted(self, claim: Claim, outcome: str) -> None:
        """Counts an attempt without an outcome in the store: cancelled, lost, released, broken."""
        self._attempt_ended(claim, outcome)

    def _attempt_ended(self, claim: Claim, outcome: str) -> None:
        self._attempts.add(claim.kind, outcome)

    def given_up(self, job: GivenUp) -> None:
        self._ended.add(job.kind, job.priority, JobStatus.FAILED, job.code, job_id=job.job_id)
