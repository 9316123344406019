"""One attempt at a claimed job, from start to its outcome. Whatever happens ends here, typed and written down.

What is true if the worker dies between two steps (each is one atomic script or one durable write):

1. claimed, no start recorded: the lease runs out, the job is back in front of the queue, no attempt used;
2. started: the lease runs out, the attempt is used, the job is queued again or `failed: worker_lost`;
3. result written, not named by the record: as 1 or 2; the orphan is removed an hour later;
4. finished: terminal; the input is removed by the next sweep.

The success of a short run beside others brings its start along: then 1 holds until 4.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import structlog

from jobs.core.errors.job import InternalJobError, JobError, UnknownKind
from jobs.core.errors.store import ClaimLost, StoreError
from jobs.core.job import Claim, Result
from jobs.core.retry import backoff_ms
from jobs.kinds import Run, Runner
from jobs.store.client import raise_if_cancelled
from jobs.store.queue import JobQueue, StopReason
from jobs.worker.coalescing import Company
from jobs.worker.progress import ProgressSender

log = structlog.get_logger(__name__)

T = TypeVar("T")

START_PATIENCE_S = 0.16
"""How long a start may wait for the outcome of the same run."""
_RETRY_STORE_S = 2.0


class Attempt:
    """Runs one claim. `stop` ends it early; cancelling the task that runs it hands the job back (drain)."""

    def __init__(
        self,
        claim: Claim,
        queue: JobQueue,
        runners: Mapping[str, Runner],
        default_timeout_ms: int,
        company: Company,
        round_trip: Company,
        *,
        start_may_wait: bool = False,
    ) -> None:
        """Outcomes wait in `company` for each other, and take along what waits in `round_trip`.

        `start_may_wait`: this run is likely to be short, and others are under way: its outcome brings its start along.
        """
        self.claim = claim
        self._began = time.monotonic()
        self._queue = queue
        self._runners = runners
        self._timeout_ms = claim.timeout_ms or default_timeout_ms
        self._start_may_wait = start_may_wait
        self._company = company
        self._round_trip = round_trip
        self._stopped: StopReason | None = None
        self._working: asyncio.Task[Any] | None = None
        """The task that runs the attempt, while it is at work."""
        self._starting: asyncio.Task[int] | None = None
        """Records the start; None while the outcome may bring it along."""
        self._start_due: asyncio.TimerHandle | None = None
        """When the start has waited long enough for the outcome."""

    def stop(self, reason: StopReason) -> None:
        """The claim is not current any more: the work ends at once and nothing is written."""
        self._stopped = reason
        if self._working is not None:
            self._working.cancel()

    async def run(self, slot_freed: Callable[[], bool]) -> None:
        """Never raises. Calls `slot_freed` once, when the next job may start; it says whether others follow soon."""
        structlog.contextvars.bind_contextvars(**self.claim.log_context)
        log.info("attempt.started", attempt=self.claim.attempt + 1, max_attempts=self.claim.max_attempts)
        try:
            await self._perform(slot_freed)
        except ClaimLost:
            log.info("attempt.claim_lost", reason=self._stopped or "lost")
        except asyncio.CancelledError:
            await self._hand_back()
        except Exception:
            # Nothing is lost: the lease runs out and the job runs again.
            log.exception("attempt.broken")

    async def _perform(self, slot_freed: Callable[[], bool]) -> None:
        """Starts the run, does the work and writes how it ended.

        The work does not wait for the record: it may begin, and where it is short end, before `job.started` is
        written. It ends at once where the start is refused.
        """
        if self._start_may_wait:
            self._start_due = asyncio.get_running_loop().call_later(START_PATIENCE_S, self._record_start)
        else:
            self._record_start()
        try:
            try:
                ended = await self._work_ended()
            finally:
                others_follow = slot_freed()
            if others_follow:  # outcomes may share a thread, a round trip and flushes
                await self._company.wait()
            else:
                self._company.depart()
            await self._write(ended)
        finally:
            self._outcome_is_due()
            if self._starting is not None:
                self._starting.cancel()

    def _record_start(self) -> None:
        self._starting = asyncio.create_task(self._start())

    def _outcome_is_due(self) -> None:
        """What is not under way yet of the start, the outcome brings along."""
        if self._start_due is not None:
            self._start_due.cancel()

    async def _start(self) -> int:
        try:
            return await self._until_stored(lambda: self._queue.start(self.claim, self._began_ms_ago))
        except ClaimLost:
            self.stop("lost")
            raise

    @property
    def _began_ms_ago(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

    async def _work_ended(self) -> Result | JobError:
        ended: Result | JobError | None = None
        task = self._working = asyncio.current_task()
        try:
            ended = await self._work_on()
        except JobError as error:
            ended = error
        except asyncio.CancelledError:
            if self._stopped is None or task is None:
                raise
            task.uncancel()
        except Exception as error:
            log.exception("attempt.internal_error")
            ended = InternalJobError(
                f"The worker failed with {type(error).__name__}; its log says more. Nothing is wrong with the request."
            )
        finally:
            self._working = None
        if ended is None or self._stopped is not None:
            raise ClaimLost(self.claim.job_id, self.claim.number)
        return ended

    async def _work_on(self) -> Result:
        runner = self._runners.get(self.claim.kind)
        if runner is None:
            raise UnknownKind(
                f"This worker does not know jobs of kind {self.claim.kind!r}. "
                "Deploy workers of the release that accepted it, or install the plug-in that brings it."
            )
        spec = await self._until_stored(lambda: self._queue.spec(self.claim))
        files = await self._until_stored(lambda: self._queue.files(self.claim, spec))
        async with ProgressSender(self._queue, self.claim) as progress:
            run = Run(
                self.claim, spec, self._timeout_ms, progress.report, self._recall, files, self._result_of
            )
            raise_if_cancelled()
            return await runner(run)

    async def _recall(self, key: str) -> Result | None:
        """What cannot be recalled for whatever reason is made anew."""
        try:
            return await self._queue.recall(self.claim.tenant, key)
        except StoreError as error:
            log.warning("attempt.not_recalled", reason=str(error))
            return None

    async def _result_of(self, job_id: str, max_bytes: int) -> Result:
        return await self._until_stored(lambda: self._queue.result_of(self.claim.tenant, job_id, max_bytes))

    async def _write(self, ended: Result | JobError) -> None:
        path = ""
        if isinstance(ended, Result):
            result = ended
            try:
                path = await self._until_stored(lambda: self._queue.store_result(self.claim, result))
            except JobError as error:
                ended = error
        self._outcome_is_due()
        self._round_trip.depart()
        if isinstance(ended, Result):
            await self._succeed(ended, path)
        else:
            await self._fail(await (self._starting or self._start()), ended)

    async def _succeed(self, result: Result, path: str) -> None:
        try:
            if self._starting is not None:
                await self._starting
            await self._until_stored(
                lambda: self._queue.succeed(self.claim, result, path, began_ms_ago=self._began_ms_ago)
            )
        except ClaimLost:
            await self._queue.discard_result(path)
            raise
        log.info("attempt.succeeded", bytes=len(result.body))

    async def _fail(self, attempt: int, error: JobError) -> None:
        if error.retryable and attempt < self.claim.max_attempts:
            delay_ms = backoff_ms(attempt, random.random())  # noqa: S311 (jitter)
            await self._until_stored(lambda: self._queue.retry(self.claim, error, delay_ms))
            log.warning("attempt.retrying", attempt=attempt, code=error.code, delay_ms=delay_ms)
        else:
            await self._until_stored(lambda: self._queue.fail(self.claim, error))
            log.warning("attempt.failed", attempt=attempt, code=error.code, message=error.message)

    async def _hand_back(self) -> None:
        """Returns the job to the queue; further cancellations do not interrupt that."""
        release = asyncio.create_task(self._queue.release(self.claim))
        while not release.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([release])
        if (error := release.exception()) is not None:
            log.warning("attempt.not_released", reason=str(error))
        else:
            log.info("attempt.released")

    async def _until_stored(self, step: Callable[[], Awaitable[T]]) -> T:
        """Takes a step that is safe to repeat until the store has answered: finished work is not thrown away."""
        while True:
            raise_if_cancelled()
            try:
                return await step()
            except StoreError as error:
                log.warning("attempt.waiting_for_store", reason=str(error))
                await asyncio.sleep(_RETRY_STORE_S * (0.5 + random.random() / 2))  # noqa: S311 (jitter)
