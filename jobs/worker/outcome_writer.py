"""Writes what runs produce to the store: starts, results and outcomes, several in one round trip.

Each write is one atomic script or one durable file. What is true if the worker dies between two:

1. After the claim, before the start is recorded: the lease runs out. The job is back in front of
   the queue, and no attempt is used.
2. After the start, before the result is written: the lease runs out. The attempt is used; the job
   is queued again, or `failed: worker_lost`.
3. After the result is written, before the outcome: as 1 or 2. No record names the result, and it
   is removed an hour later.
4. After the outcome: the job has ended. The next sweep removes its input.

An outcome may bring the start of its run along, in the same script. Then 1 holds until 4.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from contextvars import copy_context

import structlog
from prometheus_client.registry import CollectorRegistry

from jobs.core.errors.job import JobError, StorageFailed
from jobs.core.errors.store import ClaimLost
from jobs.core.job import Claim, Result
from jobs.core.job_backoff import backoff_ms
from jobs.process.testsignal import TestSignal
from jobs.store.queue import JobQueue
from jobs.worker.artifact_waits import ArtifactWaits
from jobs.worker.metrics import WorkerMetrics
from jobs.worker.timing import WorkerTiming
from jobs.worker.until_stored import until_stored

log = structlog.get_logger(__name__)


class RunRecord:
    """One run, and how far the writing of it is."""

    def __init__(self, claim: Claim, on_refused: Callable[[], None], store_by: float) -> None:
        self.claim = claim
        self.store_by = store_by
        """When the result must be written, by `time.monotonic`."""
        self.on_refused = on_refused
        self.ended: Result | JobError | None = None
        self.starting: asyncio.Task[None] | None = None
        self.storing: asyncio.Task[str] | None = None
        """Returns the path of the result."""
        self.may_be_sent = asyncio.Event()
        """Set when the round trip of the outcome begins."""
        self.is_closed = False
        self.context = copy_context()
        """So that log lines about the run name it."""
        self._began = time.monotonic()

    @property
    def began_ms_ago(self) -> int:
        return round((time.monotonic() - self._began) * 1000)


class OutcomeWriter:
    """One queue of runs with something to write, and one timer that flushes it.

    A flush first writes the results, which share a thread and a flush of the directory. Then one
    round trip takes the outcomes, the starts of runs that go on, and what `on_round_trip` adds.

    An outcome brings the start of its run along if the start still waits. If a result takes longer
    to write than the timer, its start goes with the flush, and its outcome later by itself.
    """

    def __init__(
        self,
        queue: JobQueue,
        artifacts: ArtifactWaits,
        timing: WorkerTiming,
        on_round_trip: Callable[[], None] = lambda: None,
        metrics: WorkerMetrics | None = None,
    ) -> None:
        """What is sent to the store in the turn after `on_round_trip` shares the round trip."""
        self._queue = queue
        self._artifacts = artifacts
        self._timing = timing
        self._on_round_trip = on_round_trip
        self._metrics = metrics or WorkerMetrics(CollectorRegistry())
        self._waiting: dict[RunRecord, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._flushes: set[asyncio.Task[None]] = set()
        self.outcome_queued: TestSignal[Claim] = TestSignal()

    def started(
        self, claim: Claim, on_refused: Callable[[], None], *, may_wait: bool, store_by: float = math.inf
    ) -> RunRecord:
        """Records the start of a run: with the next flush if it `may_wait`, else now.

        Calls `on_refused` if the claim is lost while the run goes on. End it with `close_record`.
        If its result cannot be written until `store_by` (of `time.monotonic`), the run has failed.
        """
        run = RunRecord(claim, on_refused, store_by)
        if may_wait:
            self._enqueue(run)
        else:
            self._write_start(run)
        return run

    async def finished(self, run: RunRecord, ended: Result | JobError, *, may_wait: bool) -> None:
        """Writes the outcome: with the next flush if it `may_wait`, else it flushes now.

        Returns when it is in the store. Raises ClaimLost; the result is removed then. Raises
        HandBack if the worker stops and the result cannot be written.
        """
        run.ended = ended
        self._enqueue(run)
        self.outcome_queued.emit(run.claim)
        if not may_wait:
            self.flush()
        await run.may_be_sent.wait()
        assert run.storing is not None  # noqa: S101 (the flush has set it)
        path = await run.storing
        if isinstance(run.ended, Result):
            await self._succeed(run, run.ended, path)
        else:
            await self._fail(run, run.ended)

    def close_record(self, run: RunRecord) -> None:
        """Writes nothing more about the run."""
        run.is_closed = True
        self._waiting.pop(run, None)
        for task in (run.starting, run.storing):
            if task is not None:
                task.cancel()

    def flush(self) -> None:
        """Begins to write everything that is queued."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            runs, self._waiting = list(self._waiting), {}
            for run in runs:  # now: a run may end or be closed before the task begins
                if run.ended is not None:
                    run.storing = asyncio.create_task(self._store(run, run.ended), context=run.context)
            flush = asyncio.create_task(self._write_together(runs))
            self._flushes.add(flush)
            flush.add_done_callback(self._flushes.discard)

    def _enqueue(self, run: RunRecord) -> None:
        self._waiting[run] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._timing.flush_after_s, self.flush)

    async def _write_together(self, runs: list[RunRecord]) -> None:
        if results := [run.storing for run in runs if run.storing is not None]:
            await asyncio.wait(results, timeout=self._timing.flush_after_s)
        for run in runs:
            if run.storing is not None:
                run.may_be_sent.set()
        await asyncio.sleep(0)  # the outcomes are being sent now; what follows shares their round trip
        self._on_round_trip()
        for run in runs:
            is_stored = run.storing is not None and run.storing.done()
            if not is_stored and not run.is_closed:
                self._write_start(run)

    async def _store(self, run: RunRecord, ended: Result | JobError) -> str:
        """Writes the bytes of a result. If they cannot be stored at all, the run has failed."""
        if isinstance(ended, Result):
            try:
                return await self._artifacts.until_done(
                    "The result could not be written",
                    lambda: self._queue.store_result(run.claim, ended),
                    run.store_by,
                )
            except JobError as error:
                run.ended = error
        return ""

    def _write_start(self, run: RunRecord) -> None:
        if run.starting is None:
            run.starting = asyncio.create_task(self._start(run), context=run.context)

    async def _start(self, run: RunRecord) -> None:
        try:
            await until_stored(lambda: self._queue.start(run.claim, run.began_ms_ago), self._timing)
        except ClaimLost:
            if run.ended is None:  # else the outcome was written first, or is refused, too
                run.on_refused()
        except Exception:
            log.exception("attempt.start_not_recorded")  # the outcome brings it along

    async def _succeed(self, run: RunRecord, result: Result, path: str) -> None:
        try:
            await until_stored(
                lambda: self._queue.succeed(run.claim, result, path, began_ms_ago=run.began_ms_ago),
                self._timing,
            )
        except ClaimLost:
            await self._queue.discard_result(path)
            raise
        log.info("attempt.succeeded", bytes=len(result.body))
        self._metrics.succeeded(run.claim, result)

    async def _fail(self, run: RunRecord, error: JobError) -> None:
        attempt = run.claim.attempt + 1
        has_leftovers = isinstance(error, StorageFailed)
        if error.retryable and attempt < run.claim.max_attempts:
            delay_ms = backoff_ms(attempt, random.random(), error.retry_after_s)  # noqa: S311 (jitter)
            await until_stored(
                lambda: self._queue.retry(
                    run.claim, error, delay_ms, began_ms_ago=run.began_ms_ago, has_leftovers=has_leftovers
                ),
                self._timing,
            )
            log.warning("attempt.retrying", attempt=attempt, code=error.code, delay_ms=delay_ms)
            self._metrics.retrying(run.claim, error)
        else:
            await until_stored(
                lambda: self._queue.fail(
                    run.claim, error, began_ms_ago=run.began_ms_ago, has_leftovers=has_leftovers
                ),
                self._timing,
            )
            log.warning("attempt.failed", attempt=attempt, code=error.code, message=error.message)
            self._metrics.failed(run.claim, error)
