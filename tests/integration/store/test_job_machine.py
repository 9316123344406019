"""Runs the atomic steps in any order beside a plain model: the store and the model always agree."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from jobs.core.errors.job import RendererCrashed
from jobs.core.errors.request import (
    AlreadyFinished,
    BatchNotFound,
    InputGone,
    JobNotFound,
    NotFinished,
    QueueFull,
)
from jobs.core.errors.store import ClaimLost
from jobs.core.ids import new_batch_id, new_job_id
from jobs.core.job import (
    TERMINAL,
    BatchSubmission,
    Claim,
    JobStatus,
    Priority,
    Result,
    Submission,
)
from jobs.core.settings import Settings
from jobs.store import keys
from jobs.store.artifacts import open_artifacts
from jobs.store.artifacts.kept_bytes import read_kept_bytes
from jobs.store.batches import BatchStore
from jobs.store.client import connect
from jobs.store.events.event_log import EventLog
from jobs.store.jobs import JobStore
from jobs.store.queue import ExpiredLease, JobQueue
from jobs.store.scripts import Scripts
from testsupport.core import now_ms
from testsupport.valkey import FaultyValkey

TENANTS = ["acme", "globex", "initech"]
MAX_QUEUED = 6
HOUR_MS = 3_600_000
PDF = Result(body=b"%PDF-", content_type="application/pdf", filename="a.pdf", details={"pages": 1})


FILES = {"a" * 64: b"a file"}
INPUT_BYTES = len(b"{}") + len(b"a file")

TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.SCHEDULED: frozenset({JobStatus.QUEUED, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.RUNNING: TERMINAL | {JobStatus.RETRYING, JobStatus.QUEUED},
    JobStatus.RETRYING: frozenset({JobStatus.QUEUED, JobStatus.FAILED, JobStatus.CANCELLED}),
    **dict.fromkeys(TERMINAL, frozenset()),
}
"""Which status may follow which. `queued → failed` is `job_expired`, or a worker lost too often
before a start."""


@dataclass
class ModelBatch:
    """The expected state of one batch: how many of its jobs ended, and how."""

    tenant: str
    total: int
    ended: Counter[JobStatus] = field(default_factory=Counter)

    @property
    def is_completed(self) -> bool:
        return self.ended.total() == self.total


@dataclass
class ModelJob:
    """The expected state of one job."""

    tenant: str
    status: JobStatus
    max_attempts: int
    version: int = 1
    attempt: int = 0
    claim: int = 0
    losses: int = 0
    leased: bool = False
    events: list[str] = field(default_factory=list)
    batch: ModelBatch | None = None
    input_bytes: int = 0
    """Of artifacts."""

    def move(self, status: JobStatus, event: str | None = None) -> None:
        assert status in TRANSITIONS[self.status], f"the model itself went from {self.status} to {status}"
        self.status = status
        self.version += 1
        self.events.append(event or f"job.{status}")
        if status in TERMINAL and self.batch is not None:
            self.batch.ended[status] += 1

    @property
    def is_ready(self) -> bool:
        return self.status is JobStatus.QUEUED and not self.leased


class JobMachine(RuleBasedStateMachine):
    """Runs clients, workers and the reaper in any order. Some act late, and some send twice."""

    jobs: Bundle[str] = Bundle("jobs")
    claims: Bundle[Claim] = Bundle("claims")
    batches: Bundle[str] = Bundle("batches")

    def __init__(self, runner: asyncio.Runner, url: str, directory: str) -> None:
        super().__init__()
        self.runner = runner
        environ = {"REDIS_URL": url, "PRESSRUN_MAX_QUEUED": str(MAX_QUEUED), "PRESSRUN_DATA_DIR": directory}
        config = Settings.from_env(environ)
        self.redis = connect(config)
        scripts = Scripts(self.redis, config)
        artifacts = open_artifacts(config, scripts)
        self.store = JobStore(self.redis, scripts, artifacts)
        self.batch_store = BatchStore(scripts, artifacts)
        self.queue = JobQueue(self.redis, scripts, artifacts)
        self.log = EventLog(self.redis)
        self.model: dict[str, ModelJob] = {}
        self.model_batches: dict[str, ModelBatch] = {}
        self.deleted: dict[str, ModelJob] = {}
        self.sequences = dict.fromkeys(TENANTS, 0)

    def do(self, step: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(step)

    @initialize()
    def empty_store(self) -> None:
        self.do(self.redis.flushall())

    def teardown(self) -> None:
        self.do(self.redis.aclose())

    # --- clients

    @rule(
        target=jobs,
        tenant=st.sampled_from(TENANTS),
        priority=st.sampled_from(Priority),
        later=st.booleans(),
        max_attempts=st.integers(1, 3),
        twice=st.booleans(),
        has_file=st.booleans(),
    )
    def submit(
        self, tenant: str, priority: Priority, later: bool, max_attempts: int, twice: bool, has_file: bool
    ) -> str:
        submission = Submission(
            job_id=new_job_id(),
            tenant=tenant,
            kind="test",
            spec=b"{}",
            files=FILES if has_file else {},
            priority=priority,
            max_attempts=max_attempts,
            tags=("a", "b"),
            scheduled_at_ms=self.do(now_ms(self.redis)) + HOUR_MS if later else None,
        )
        waiting = self.count_waiting(tenant)
        try:
            submitted = self.do(self.store.submit(submission))
        except QueueFull:
            assert waiting >= MAX_QUEUED
            return submission.job_id
        assert waiting < MAX_QUEUED
        status = JobStatus.SCHEDULED if later else JobStatus.QUEUED
        self.model[submission.job_id] = ModelJob(
            tenant, status, max_attempts, events=[f"job.{status}"], input_bytes=INPUT_BYTES if has_file else 0
        )
        assert not submitted.replayed
        if twice:
            again = self.do(self.store.submit(submission))
            assert not again.replayed
            assert again.job == submitted.job
        return submission.job_id

    @rule(
        target=batches,
        tenant=st.sampled_from(TENANTS),
        later=st.lists(st.booleans(), min_size=1, max_size=4),
        twice=st.booleans(),
    )
    def submit_batch(self, tenant: str, later: list[bool], twice: bool) -> str:
        batch_id, due = new_batch_id(), self.do(now_ms(self.redis)) + HOUR_MS
        jobs = tuple(
            Submission(
                job_id=new_job_id(),
                tenant=tenant,
                kind="test",
                spec=b"{}",
                max_attempts=1,
                tags=("b",),
                scheduled_at_ms=due if is_later else None,
                batch_id=batch_id,
            )
            for is_later in later
        )
        batch = BatchSubmission(batch_id=batch_id, tenant=tenant, jobs=jobs, metadata={"a": 1})
        waiting = self.count_waiting(tenant)
        try:
            submitted = self.do(self.batch_store.submit(batch))
        except QueueFull:
            assert waiting + len(jobs) > MAX_QUEUED
            return batch_id
        assert waiting + len(jobs) <= MAX_QUEUED
        assert json.loads(submitted.document)["job_ids"] == [job.job_id for job in jobs]
        model = self.model_batches[batch_id] = ModelBatch(tenant, len(jobs))
        for job, is_later in zip(jobs, later, strict=True):
            status = JobStatus.SCHEDULED if is_later else JobStatus.QUEUED
            self.model[job.job_id] = ModelJob(tenant, status, 1, events=[f"job.{status}"], batch=model)
        if twice:
            again = self.do(self.batch_store.submit(batch))
            assert not again.replayed
            assert again.document == submitted.document
        return batch_id

    @rule(target=jobs, batch_id=batches)
    def pick_from_batch(self, batch_id: str) -> Any:
        """Makes the jobs of a batch available to the rules about jobs."""
        model = self.model_batches.get(batch_id)
        return multiple(*(id for id, job in self.model.items() if model is not None and job.batch is model))

    @rule(batch_id=batches, tenant=st.sampled_from(TENANTS))
    def cancel_batch(self, batch_id: str, tenant: str) -> None:
        model = self.model_batches.get(batch_id)
        try:
            document, cancelled = self.do(self.batch_store.cancel(tenant, batch_id))
        except BatchNotFound:
            assert model is None or model.tenant != tenant
            return
        except AlreadyFinished:
            assert model is not None
            assert model.is_completed
            return
        assert model is not None
        assert not model.is_completed
        unfinished = [job for job in self.model.values() if job.batch is model and job.status not in TERMINAL]
        for job in unfinished:
            job.move(JobStatus.CANCELLED)
            job.leased = False
        assert document["status"] == "completed"
        assert len(cancelled) == len(unfinished)

    def count_waiting(self, tenant: str) -> int:
        return sum(
            job.tenant == tenant and job.status in ("queued", "scheduled", "retrying")
            for job in self.model.values()
        )

    @rule(job_id=jobs, tenant=st.sampled_from(TENANTS))
    def cancel(self, job_id: str, tenant: str) -> None:
        job = self.model.get(job_id)
        try:
            cancelled = self.do(self.store.cancel(tenant, job_id))
        except JobNotFound:
            assert job is None or job.tenant != tenant
        except AlreadyFinished:
            assert job is not None
            assert job.status in TERMINAL
        else:
            assert job is not None
            job.move(JobStatus.CANCELLED)
            job.leased = False
            assert cancelled.version == job.version

    @rule(job_id=jobs, tenant=st.sampled_from(TENANTS))
    def delete(self, job_id: str, tenant: str) -> None:
        job = self.model.get(job_id)
        try:
            self.do(self.store.delete(tenant, job_id))
        except JobNotFound:
            assert job is None or job.tenant != tenant
        except NotFinished:
            assert job is not None
            assert job.status not in TERMINAL
        else:
            assert job is not None
            assert job.status in TERMINAL
            self.deleted[job_id] = self.model.pop(job_id)
            if job.status is JobStatus.SUCCEEDED:
                job.version += 1
                job.events.append("job.expired")

    # --- workers

    @rule(target=claims, want=st.just(1))
    def claim_one(self, want: int) -> Any:
        batch = self.do(self.queue.claim(want))
        ready = {job_id: job for job_id, job in self.model.items() if job.is_ready}
        if not batch.claims:
            assert not ready
            return Claim("job_none", "acme", "test", 0, 0, 1, None, None, None, b"")
        (claim,) = batch.claims
        job = self.model[claim.job_id]
        assert claim.job_id in ready
        assert claim.number > job.claim, "a claim number was used again"
        job.claim, job.leased = claim.number, True
        assert claim.attempt == job.attempt
        return claim

    def is_current(self, claim: Claim) -> bool:
        job = self.model.get(claim.job_id)
        return job is not None and job.leased and job.claim == claim.number

    @rule(claim=claims, twice=st.booleans())
    def start(self, claim: Claim, twice: bool) -> None:
        job = self.model.get(claim.job_id)
        allowed = self.is_current(claim) and job is not None and job.status in ("queued", "running")
        try:
            attempt = self.do(self.queue.start(claim))
        except ClaimLost:
            assert not allowed
            return
        assert allowed
        assert job is not None
        if job.status is JobStatus.QUEUED:
            job.attempt += 1
            job.move(JobStatus.RUNNING, "job.started")
        assert attempt == job.attempt
        if twice:
            assert self.do(self.queue.start(claim)) == attempt

    @rule(
        claim=claims,
        twice=st.booleans(),
        ending=st.sampled_from(["succeed", "fail", "retry"]),
        with_start=st.booleans(),
    )
    def finish(self, claim: Claim, twice: bool, ending: str, with_start: bool) -> None:
        job = self.model.get(claim.job_id)
        statuses = {JobStatus.RUNNING} | ({JobStatus.QUEUED} if with_start else set())
        began_ms_ago = 20 if with_start else None
        allowed = self.is_current(claim) and job is not None and job.status in statuses

        def step() -> Coroutine[Any, Any, None]:
            if ending == "succeed":
                return self.queue.succeed(claim, PDF, "somewhere", began_ms_ago=began_ms_ago)
            if ending == "fail":
                return self.queue.fail(claim, RendererCrashed("it died"), began_ms_ago=began_ms_ago)
            return self.queue.retry(claim, RendererCrashed("it died"), HOUR_MS, began_ms_ago=began_ms_ago)

        status = JobStatus({"fail": "failed", "retry": "retrying"}.get(ending, "succeeded"))
        try:
            self.do(step())
        except ClaimLost:
            assert not allowed
            return
        if not allowed:  # the same outcome, sent again
            assert job is not None
            assert job.claim == claim.number
            assert f"job.{status}" in job.events
            return
        assert job is not None
        if job.status is JobStatus.QUEUED:
            job.attempt += 1
            job.move(JobStatus.RUNNING, "job.started")
        job.move(status)
        job.leased = False
        if twice:
            self.do(step())

    @rule(claim=claims)
    def release(self, claim: Claim) -> None:
        current = self.is_current(claim)
        self.do(self.queue.release(claim))
        if current:
            job = self.model[claim.job_id]
            job.leased = False
            if job.status is JobStatus.RUNNING:
                job.attempt -= 1
                job.move(JobStatus.QUEUED)

    @rule(some=st.lists(claims, max_size=4))
    def renew(self, some: list[Claim]) -> None:
        stops = self.do(self.queue.renew(some))
        assert [claim for claim, _ in stops] == [claim for claim in some if not self.is_current(claim)]

    # --- time and accidents

    @rule(job_id=jobs)
    def lease_is_lost(self, job_id: str) -> None:
        """The worker vanished, and the reaper has seen its lease expired for long enough."""
        ends = self.do(self.redis.zscore(keys.LEASES, job_id))
        job = self.model.get(job_id)
        if ends is None:
            assert job is None or not job.leased
            return
        assert job is not None
        lease = ExpiredLease(job_id.encode(), f"{ends:.0f}".encode())
        self.do(self.queue.claim(0, [lease]))
        job.leased = False
        job.losses += job.status is JobStatus.QUEUED
        if job.losses > 10 or (job.status is JobStatus.RUNNING and job.attempt >= job.max_attempts):
            job.move(JobStatus.FAILED)
        elif job.status is JobStatus.RUNNING:
            job.move(JobStatus.QUEUED)

    @rule()
    def an_hour_passes(self) -> None:
        """Scheduled and retrying jobs become due."""
        for job_id in self.do(self.redis.zrange(keys.DUE, 0, -1)):
            self.do(self.redis.zadd(keys.DUE, {job_id: 1}))
        self.do(self.queue.claim(0))
        for job in self.model.values():
            if job.status in (JobStatus.SCHEDULED, JobStatus.RETRYING):
                job.move(JobStatus.QUEUED)

    # --- what always holds

    @invariant()
    def records_agree(self) -> None:
        for job_id, job in self.model.items():
            document = self.do(self.store.get(job.tenant, job_id)).document
            assert (document["status"], document["version"], document["attempt"]) == (
                job.status,
                job.version,
                job.attempt,
            )
            assert (document["finished_at"] is not None) == (job.status in TERMINAL)
            assert (document["result"] is not None) == (job.status is JobStatus.SUCCEEDED)
        for job_id in self.deleted:
            assert (
                self.do(self.redis.exists(keys.JOB + job_id, keys.INPUT + job_id, keys.ARQ_JOB + job_id)) == 0
            )

    @invariant()
    def what_a_tenant_keeps_is_counted(self) -> None:
        kept = self.do(read_kept_bytes(self.redis))
        for tenant in TENANTS:
            own = [job for job in self.model.values() if job.tenant == tenant]
            assert kept.get(tenant, 0) == sum(
                len(PDF.body) if job.status is JobStatus.SUCCEEDED else job.input_bytes for job in own
            )

    @invariant()
    def every_event_is_there_once_in_order(self) -> None:
        for tenant in TENANTS:
            page = self.do(self.log.page(tenant, None, 10_000))
            events = [json.loads(body) for body in page.bodies]
            assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
            assert len({event["id"] for event in events}) == len(events)
            for job_id, job in (self.model | self.deleted).items():
                if job.tenant != tenant:
                    continue
                own = [event for event in events if event["data"].get("job", {}).get("id") == job_id]
                assert [event["type"] for event in own] == job.events
                assert [event["data"]["job"]["version"] for event in own] == list(range(1, job.version + 1))
                ends = [event for event in own if event["data"]["job"]["status"] in TERMINAL]
                assert len([event for event in ends if event["type"] != "job.expired"]) == (
                    job.status in TERMINAL
                )
                if job_id in self.model:
                    assert own[-1]["data"]["job"] == self.do(self.store.get(tenant, job_id)).document

    @invariant()
    def batches_are_completed_once_right_after_their_last_job(self) -> None:
        for tenant in TENANTS:
            page = self.do(self.log.page(tenant, None, 10_000))
            events = [json.loads(body) for body in page.bodies]
            for batch_id, model in self.model_batches.items():
                if model.tenant != tenant:
                    continue
                document = self.do(self.batch_store.batch(tenant, batch_id))
                assert {status: document[status] for status in TERMINAL} == {
                    status: model.ended[status] for status in TERMINAL
                }
                assert (document["status"] == "completed") == model.is_completed
                assert (document["finished_at"] is not None) == model.is_completed
                completions = [
                    at
                    for at, event in enumerate(events)
                    if event["data"].get("batch", {}).get("id") == batch_id
                ]
                assert len(completions) == model.is_completed
                for at in completions:
                    assert events[at]["type"] == "batch.completed"
                    assert events[at]["data"]["batch"] == document
                    last = events[at - 1]["data"]["job"]
                    assert last["batch_id"] == batch_id
                    assert last["status"] in TERMINAL

    @invariant()
    def every_job_waits_where_it_should(self) -> None:
        leases = {job_id.decode() for job_id in self.do(self.redis.zrange(keys.LEASES, 0, -1))}
        assert leases == {job_id for job_id, job in self.model.items() if job.leased}
        due = {job_id.decode() for job_id in self.do(self.redis.zrange(keys.DUE, 0, -1))}
        assert due == {
            job_id for job_id, job in self.model.items() if job.status in ("scheduled", "retrying")
        }
        ring = {tenant.decode() for tenant in self.do(self.redis.zrange(keys.RING, 0, -1))}
        for tenant in TENANTS:
            ready = {job_id.decode() for job_id in self.do(self.redis.zrange(keys.READY + tenant, 0, -1))}
            assert ready == {
                job_id for job_id, job in self.model.items() if job.is_ready and job.tenant == tenant
            }
            assert (tenant in ring) == bool(ready)

    @invariant()
    def queued_jobs_are_counted(self) -> None:
        waiting = {
            job_id.decode()
            for priority in Priority
            for job_id in self.do(self.redis.zrange(f"{keys.WAITING}test:{priority}", 0, -1))
        }
        assert waiting == {job_id for job_id, job in self.model.items() if job.status == "queued"}

    @invariant()
    def listings_agree(self) -> None:
        for tenant in TENANTS:
            own = {job_id: job for job_id, job in self.model.items() if job.tenant == tenant}
            assert {job.id for job in self.do(self.store.page(tenant, limit=100)).items} == set(own)
            assert {job.id for job in self.do(self.store.page(tenant, tag="b", limit=100)).items} == set(own)
            for status in JobStatus:
                listed = {job.id for job in self.do(self.store.page(tenant, status=status, limit=100)).items}
                assert listed == {job_id for job_id, job in own.items() if job.status is status}

    @invariant()
    def inputs_live_until_success(self) -> None:
        for job_id, job in self.model.items():
            try:
                self.do(self.store.spec_of(job.tenant, job_id))
            except InputGone:
                assert job.status is JobStatus.SUCCEEDED
            else:
                assert job.status is not JobStatus.SUCCEEDED


def test_scripts_and_model_agree_in_every_order(valkey: FaultyValkey, tmp_path: Any) -> None:
    with asyncio.Runner() as runner:
        run_state_machine_as_test(
            lambda: JobMachine(runner, valkey.url, str(tmp_path)),
            settings=settings(
                max_examples=25,
                stateful_step_count=40,
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
            ),
        )
