"""One attempt at a claimed job: runs the work and hands what came of it to the outcome writer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any, TypeVar

import structlog

from jobs.core.errors.job import InternalJobError, JobError, StorageFailed, UnknownKind
from jobs.core.errors.store import ArtifactMissing, ClaimLost, StoreError
from jobs.core.job import Claim, Result
from jobs.fonts.font import Font
from jobs.fonts.tenant_fonts import TenantFonts
from jobs.kinds import Run, Runner
from jobs.render.protocol.messages import OfferedFont
from jobs.store.client import raise_if_cancelled
from jobs.store.queue import JobQueue, StopReason
from jobs.worker.artifact_waits import ArtifactWaits, HandBack
from jobs.worker.metrics import WorkerMetrics
from jobs.worker.outcome_writer import OutcomeWriter
from jobs.worker.progress import ProgressSender
from jobs.worker.timing import WorkerTiming

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Attempt:
    """Runs one claim. `stop` ends it early; cancelling its task hands the job back (drain)."""

    def __init__(
        self,
        claim: Claim,
        queue: JobQueue,
        fonts: TenantFonts,
        runners: Mapping[str, Runner],
        default_timeout_ms: int,
        outcomes: OutcomeWriter,
        artifacts: ArtifactWaits,
        timing: WorkerTiming,
        metrics: WorkerMetrics,
    ) -> None:
        self.claim = claim
        self._queue = queue
        self._fonts = fonts
        self._runners = runners
        self._timeout_ms = claim.timeout_ms or default_timeout_ms
        self._outcomes = outcomes
        self._artifacts = artifacts
        self._ends_at = time.monotonic() + self._timeout_ms / 1000
        self._timing = timing
        self._metrics = metrics
        self._stopped: StopReason | None = None
        self._working: asyncio.Task[Any] | None = None

    def stop(self, reason: StopReason) -> None:
        """Ends the work at once: the claim is not current any more. Nothing is written."""
        self._stopped = reason
        if self._working is not None:
            self._working.cancel()

    async def run(self, slot_freed: Callable[[], bool], *, start_may_wait: bool) -> None:
        """Runs the claim to its outcome. Never raises.

        Calls `slot_freed` once, when the work has ended; it returns whether the outcome may wait.
        """
        structlog.contextvars.bind_contextvars(**self.claim.log_context)
        log.info("attempt.started", attempt=self.claim.attempt + 1, max_attempts=self.claim.max_attempts)
        self._metrics.started(self.claim)
        try:
            await self._perform(slot_freed, start_may_wait)
        except ClaimLost:
            reason: StopReason = self._stopped or "lost"
            log.info("attempt.claim_lost", reason=reason)
            self._metrics.interrupted(self.claim, reason)
        except (asyncio.CancelledError, HandBack):
            await self._hand_back()
            self._metrics.interrupted(self.claim, "released")
        except Exception:
            # Nothing is lost: the lease runs out and the job runs again.
            log.exception("attempt.broken")
            self._metrics.interrupted(self.claim, "broken")

    async def _perform(self, slot_freed: Callable[[], bool], start_may_wait: bool) -> None:
        """Does the work, which does not wait for its start but ends if that is refused."""
        record = self._outcomes.started(
            self.claim, lambda: self.stop("lost"), may_wait=start_may_wait, store_by=self._ends_at
        )
        try:
            try:
                ended = await self._work_ended()
            finally:
                may_wait = slot_freed()
            await self._outcomes.finished(record, ended, may_wait=may_wait)
        finally:
            self._outcomes.close_record(record)

    async def _work_ended(self) -> Result | JobError:
        ended: Result | JobError | None = None
        task = self._working = asyncio.current_task()
        try:
            ended = await self._work()
        except JobError as error:
            ended = error
        except HandBack:
            if self._stopped is None:
                raise
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

    async def _work(self) -> Result:
        runner = self._runners.get(self.claim.kind)
        if runner is None:
            raise UnknownKind(
                f"This worker does not know jobs of kind {self.claim.kind!r}. "
                "Deploy workers of the release that accepted it, or install the plug-in that brings it."
            )
        spec = await self._read("The input", lambda: self._queue.spec(self.claim))
        files = await self._read("The files of the job", lambda: self._queue.files(self.claim, spec))
        with closing(ProgressSender(self._queue, self.claim, self._timing.progress_interval_s)) as progress:
            run = Run(
                claim=self.claim,
                spec=spec,
                timeout_ms=self._timeout_ms,
                report=progress.report,
                recall=self._recall,
                files=files,
                result_of=self._result_of,
                fonts=self._offered_fonts,
            )
            raise_if_cancelled()
            await self._artifacts.until_done(
                "The document could not be rendered", self._artifacts.watch.check_scratch, self._ends_at
            )
            return await runner(run)

    async def _recall(self, key: str) -> Result | None:
        """Returns an earlier result; None if there is none, or if the store does not answer."""
        try:
            return await self._queue.recall(self.claim.tenant, key)
        except StoreError as error:
            log.warning("attempt.not_recalled", reason=str(error))
            return None

    async def _result_of(self, job_id: str, max_bytes: int) -> Result:
        tenant = self.claim.tenant
        return await self._read(
            f"The result of {job_id}", lambda: self._queue.result_of(tenant, job_id, max_bytes)
        )

    async def _offered_fonts(self) -> Sequence[OfferedFont]:
        tenant, revision = self.claim.tenant, self.claim.fonts
        if not revision:
            return ()
        found = await self._read("The list of fonts", lambda: self._fonts.of(tenant, revision))
        return [
            OfferedFont(
                families=font.facts.families, digest=font.digest, read=partial(self._font_content, font)
            )
            for font in found.fonts
        ]

    async def _font_content(self, font: Font) -> bytes:
        try:
            return await self._read(f"The font {font.name}", lambda: self._fonts.content(font))
        except ArtifactMissing:
            raise StorageFailed(
                f"The font {font.name} was replaced or deleted while the job waited. It can be run again."
            ) from None

    async def _read(self, what: str, step: Callable[[], Awaitable[T]]) -> T:
        return await self._artifacts.until_done(f"{what} could not be read", step, self._ends_at)

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
