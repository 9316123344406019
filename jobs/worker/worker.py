"""The worker: claims jobs, runs their attempts, renews leases and stops in good order.

It is a subclass of arq's worker. arq runs the main loop, registers the signal handlers, waits for
runs in the grace period of a drain, decodes the entry of a job, keeps the table of functions that
entries name, and runs cron jobs on a queue of their own. Everything else is Pressrun's: claiming,
leases, running, retries, outcomes, stopping. arq would poll, use six round trips a job, and clean
up by job id without asking whose claim it is.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from signal import Signals
from typing import Any

import structlog
from arq.connections import ArqRedis
from arq.cron import cron
from arq.jobs import DeserializationError, deserialize_job_raw
from arq.worker import Worker, func
from prometheus_client.registry import CollectorRegistry
from redis.exceptions import RedisError

from jobs.core.errors.store import ArtifactsUnavailable, StoreError, StoreFull, StoreUnavailable
from jobs.core.job import Claim
from jobs.core.settings import Settings
from jobs.fonts.tenant_fonts import TenantFonts
from jobs.kinds import Runner
from jobs.process.event_wait import is_set_within
from jobs.store import keys
from jobs.store.artifacts.watch import ArtifactWatch
from jobs.store.client import raise_if_cancelled, translated_errors, wait_for_store
from jobs.store.queue import ClaimBatch, JobQueue, StopReason
from jobs.worker.artifact_waits import ArtifactWaits
from jobs.worker.attempt import Attempt
from jobs.worker.leases import LeaseWatch
from jobs.worker.memory_watch import MemoryWatch
from jobs.worker.metrics import WorkerMetrics
from jobs.worker.outcome_writer import OutcomeWriter
from jobs.worker.prefetch import Prefetch
from jobs.worker.run_lengths import RunLengths
from jobs.worker.signals import WorkerSignals
from jobs.worker.timing import WorkerTiming

log = structlog.get_logger(__name__)

CRON_POLL_S = 1.0
CRON_STALE_MS = 30_000
"""A cron job this late is dropped: three others have been due since. Shorter than arq's marks of a
run that was interrupted (60 s) or whose worker died (310 s), after which arq would call it failed.
"""


class JobWorker(Worker):
    """Claims jobs into `slots` and runs them."""

    def __init__(
        self,
        redis: ArqRedis,
        queue: JobQueue,
        settings: Settings,
        fonts: TenantFonts,
        *,
        start: Callable[[], Awaitable[Mapping[str, Runner]]],
        stop: Callable[[], Awaitable[None]],
        handle_signals: bool = True,
        timing: WorkerTiming | None = None,
        metrics: WorkerMetrics | None = None,
    ) -> None:
        """`start` returns the runners, ready to run, before the first claim; `stop` ends them."""
        timing = timing or WorkerTiming()
        super().__init__(
            functions=[func(self.run_claim, name="run_claim")],
            cron_jobs=[cron(self.sweep, name="cron:sweep", second=set(range(0, 60, 10)))],
            queue_name=keys.CRON_QUEUE,
            redis_pool=redis,
            on_startup=self._on_startup,
            handle_signals=handle_signals,
            job_completion_wait=settings.drain_seconds,
            max_jobs=settings.worker_slots * (1 + timing.unfinished_per_slot),
            keep_result=0,
            poll_delay=0,
            job_serializer=redis.job_serializer,
            job_deserializer=redis.job_deserializer,
        )
        self.signals = WorkerSignals()
        self._artifacts = ArtifactWaits(ArtifactWatch(queue.artifacts, Path(tempfile.gettempdir())), timing)
        self._metrics = metrics or WorkerMetrics(CollectorRegistry())
        self.outcomes = OutcomeWriter(queue, self._artifacts, timing, self._on_round_trip, self._metrics)
        self._timing = timing
        self._queue = queue
        self._fonts = fonts
        self._slots = settings.worker_slots
        self._busy = 0
        self._run_lengths = RunLengths(settings.worker_slots, timing)
        self._prefetch = Prefetch(settings.worker_slots, self._run_lengths, timing)
        self._default_timeout_ms = settings.render_timeout * 1000
        self._start, self._stop = start, stop
        self._runners: Mapping[str, Runner] = {}
        self._attempts: dict[str, Attempt] = {}
        self._leases = LeaseWatch(queue.lease_ms)
        self._background: list[asyncio.Task[None]] = []
        self._handing_back: asyncio.Future[tuple[None, None]] | None = None
        self._look_due_ms = 0.0
        self._left_nothing = False
        """Whether the last look found less than it wanted: the doorbell rings for more."""
        self._reason_to_look = asyncio.Event()
        """Set when a slot is free, or when claims can share a round trip with outcomes."""
        self._cron_poll_due = 0.0
        self._crons_ended = 0
        self._memory = MemoryWatch(redis)
        self._metrics.watch_slots(self._slots, lambda: self._busy, lambda: len(self._prefetch.claims))

    # --- claiming --------------------------------------------------------------------------------

    async def _poll_iteration(self) -> None:
        raise_if_cancelled()
        try:
            if self.allow_pick_jobs:
                await self._look()
            else:
                await asyncio.sleep(0.05)
            await self._poll_cron()
        except StoreError as error:
            self._leases.interrupted()
            log.warning("worker.store_unavailable", reason=str(error))
            await asyncio.sleep(0.5 + random.random())  # noqa: S311 (jitter)

    @property
    def _free_slots(self) -> int:
        """How many jobs may begin; none while too many that have ended wait for the store, or while
        no result could be written."""
        if self._artifacts.watch.refusal is not None:
            return 0
        return min(self._slots - self._busy, self.max_jobs - len(self.tasks))

    async def _look(self) -> None:
        """Claims what there is room for, and begins it."""
        if self._free_slots <= 0:
            await self._wait_for_reason()
            if not self.allow_pick_jobs:  # a drain has begun meanwhile
                return
        await self._hand_back(self._prefetch.take_stale(time.monotonic()))
        claimed = await self._claim()
        now_ms = time.monotonic() * 1000
        self._leases.observe(claimed.expired, now_ms)
        self._fill_slots()  # what was held came first
        for claim in claimed.claims:
            if self.allow_pick_jobs and self._free_slots > 0:
                self._begin(claim)
            else:
                self._prefetch.put(claim, time.monotonic())
        self.signals.looked.emit(claimed.claims)
        self._fill_slots()
        if not self.allow_pick_jobs:
            return await self._hand_back(self._prefetch.take_all())
        look_again_ms = self._timing.look_again_s * 1000
        if claimed.next_due_ms is not None:
            look_again_ms = min(look_again_ms, claimed.next_due_ms + 1)
        self._look_due_ms = now_ms + look_again_ms

    async def _claim(self) -> ClaimBatch:
        now_ms = time.monotonic() * 1000
        lost = self._leases.lost(now_ms)
        free = self._free_slots
        want = free if free > 0 or self._artifacts.watch.refusal is not None else self._prefetch.room
        if free > 0 and self._left_nothing and not lost:
            claimed = await self._queue.claim_when_rung(want, self._look_due_ms - now_ms)
        else:
            claimed = await self._queue.claim(want, lost)
        self._left_nothing = len(claimed.claims) < want
        for job in claimed.given_up:
            self._metrics.given_up(job)
        return claimed

    async def _wait_for_reason(self) -> None:
        """Returns when there is a reason to look, or a look is due without one."""
        self._reason_to_look.clear()
        wait_ms = self._look_due_ms - time.monotonic() * 1000
        await is_set_within(self._reason_to_look, max(wait_ms, 50) / 1000)

    def _on_round_trip(self) -> None:
        if self._prefetch.room:
            self._reason_to_look.set()

    def _fill_slots(self) -> None:
        while self.allow_pick_jobs and self._free_slots > 0:
            claim = self._prefetch.take(time.monotonic())
            if claim is None:
                self._reason_to_look.set()
                break
            self._begin(claim)
        self.signals.held.emit(self._prefetch.claims)

    async def _poll_cron(self) -> None:
        """Runs arq's own poll, at most once a second: its queue holds only cron jobs."""
        if time.monotonic() >= self._cron_poll_due:
            self._cron_poll_due = time.monotonic() + CRON_POLL_S
            try:
                with translated_errors():
                    await super()._poll_iteration()
            except StoreFull:
                # arq writes an entry for each cron job, and a full store refuses it. The sweep is
                # what makes room, and may write.
                await self.sweep(self.ctx)

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Starts cron jobs that are due, and drops those that a dead worker has left."""
        latest_ms = time.time() * 1000 - CRON_STALE_MS
        if job_ids:
            for stale in await self.pool.zrangebyscore(keys.CRON_QUEUE, "-inf", latest_ms):
                await self.finish_failed_job(stale.decode(), None)
                job_ids = [job_id for job_id in job_ids if job_id != stale]
        for job_id in job_ids:
            counted = self.job_counter + self._crons_ended
            try:
                await super().start_jobs([job_id])
            except (RedisError, OSError):
                # arq may have counted the cron job that it was about to start, and would never
                # start another after some such errors.
                if self.job_counter + self._crons_ended > counted:
                    super()._release_sem_dec_counter_on_complete()
                raise

    def _release_sem_dec_counter_on_complete(self) -> None:
        """arq calls it for each cron job that it has started, at its end."""
        self._crons_ended += 1
        super()._release_sem_dec_counter_on_complete()

    # --- running ---------------------------------------------------------------------------------

    def _begin(self, claim: Claim) -> None:
        try:
            name, arguments, named, _, _ = deserialize_job_raw(
                claim.entry, deserializer=self.job_deserializer
            )
            run = self.functions[name].coroutine({"claim": claim}, *arguments, **named)
        except (DeserializationError, KeyError, TypeError):
            # Another release wrote it. The lease runs out; after some such claims the job fails.
            log.exception("worker.unknown_entry", **claim.log_context)
            return
        task = self.loop.create_task(run)
        self._busy += 1
        self.tasks[claim.job_id] = task
        task.add_done_callback(lambda _: self._ended(claim.job_id))

    async def run_claim(self, ctx: dict[str, Any], job_id: str) -> None:
        """The function that every arq entry names: runs the claim to its outcome. Never raises."""
        claim: Claim = ctx["claim"]
        attempt = Attempt(
            claim,
            self._queue,
            self._fonts,
            self._runners,
            self._default_timeout_ms,
            self.outcomes,
            self._artifacts,
            self._timing,
            self._metrics,
        )
        runs = self._run_lengths
        start_may_wait = bool(
            self._attempts and runs.share_flushes and runs.fit_into_a_flush and not claim.may_expire
        )
        self._attempts[claim.job_id] = attempt
        began = time.monotonic()

        def slot_freed() -> bool:
            self._busy -= 1
            runs.add(time.monotonic() - began)
            self._fill_slots()
            return self._busy == self._slots and runs.share_flushes

        try:
            await attempt.run(slot_freed, start_may_wait=start_may_wait)
        finally:
            if self._attempts.get(claim.job_id) is attempt:
                del self._attempts[claim.job_id]
            self.signals.ended.emit(claim)

    def _ended(self, job_id: str) -> None:
        self.tasks.pop(job_id, None)
        if len(self.tasks) == self.max_jobs - 1:
            self._fill_slots()

    async def _renew_leases(self) -> None:
        """Keeps the claims of this worker alive, and ends those that are not current any more."""
        while True:
            await asyncio.sleep(self._timing.renew_interval_s)
            raise_if_cancelled()
            await self._hand_back(self._prefetch.take_stale(time.monotonic()))
            claims = [attempt.claim for attempt in self._attempts.values()] + self._prefetch.claims
            if not claims:
                continue
            try:
                stops = await self._queue.renew(claims)
            except StoreError as error:
                log.warning("worker.leases_not_renewed", reason=str(error))
                continue
            except Exception:
                log.exception("worker.leases_not_renewed")  # the next renewal may do better
                continue
            for claim, reason in stops:
                self._stop_claim(claim, reason)
            self.signals.renewed.emit(claims)

    async def _watch_artifacts(self) -> None:
        """Goes on when an artifact store that took nothing takes artifacts again."""
        while True:
            await asyncio.sleep(self._timing.artifact_retry_s)
            if self._artifacts.watch.refusal is not None and await self._artifacts.watch.look() is None:
                self._reason_to_look.set()

    def _stop_claim(self, claim: Claim, reason: StopReason) -> None:
        """Stops this claim, not a newer one of the same job."""
        self._prefetch.drop(claim)
        self.signals.held.emit(self._prefetch.claims)
        attempt = self._attempts.get(claim.job_id)
        if attempt is not None and attempt.claim is claim:
            attempt.stop(reason)

    async def _hand_back(self, claims: Sequence[Claim]) -> None:
        """Returns jobs that were not begun; else their leases run out."""
        self.signals.held.emit(self._prefetch.claims)
        try:
            await self._queue.hand_back(claims)
        except Exception as error:  # noqa: BLE001 (these jobs must not stop renewals, nor a stop)
            job_ids = [claim.job_id for claim in claims]
            log.warning("worker.not_released", reason=str(error), job_ids=job_ids)

    async def sweep(self, ctx: dict[str, Any]) -> None:
        """Cron: expires results and records, and removes what is no longer needed.

        What a store that goes away leaves undone is done by the next sweep.
        """
        try:
            try:
                while await self._queue.sweep():
                    pass
            except ArtifactsUnavailable as error:
                if await self._artifacts.watch.look() is None:  # else that has said so
                    log.warning("worker.artifact_not_removed", reason=str(error))
            await self._queue.trim_events()
            await self._queue.recount()
            await self._memory.look()
        except StoreError as error:
            log.warning("worker.sweep_interrupted", reason=str(error))

    # --- life ------------------------------------------------------------------------------------

    async def main(self) -> None:
        while True:
            await wait_for_store(self.pool)
            try:
                with translated_errors():
                    return await super().main()
            except StoreUnavailable:  # arq asks the store for its version, and gives up if that fails
                if self._background:  # it is no start any more
                    raise

    async def _on_startup(self, ctx: dict[str, Any]) -> None:
        self._runners = await self._start()
        self._metrics.expect(self._runners)
        self._background = [
            asyncio.create_task(self._renew_leases()),
            asyncio.create_task(self._watch_artifacts()),
        ]
        log.info("worker.ready", slots=self._slots, kinds=sorted(self._runners))
        self.signals.ready.emit(None)

    async def close(self) -> None:
        """Interrupts what runs, waits for it, and stops.

        arq would leave the rest undone if a cron job was interrupted or the store did not answer.
        """
        self.allow_pick_jobs = False
        for task in self.tasks.values():
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks.values())
        self.tasks.clear()
        for task in self._background:
            task.cancel()
        await self._hand_back(self._prefetch.take_all())
        await self._stop()
        log.info("worker.stopped")
        try:
            await super().close()
        except (RedisError, OSError) as error:  # it deletes the key of a health check, which is not used
            log.warning("worker.store_unavailable", reason=str(error))

    def handle_sig(self, signum: Signals) -> None:
        self.allow_pick_jobs = False  # or a slot that is freed now would begin a held job
        super().handle_sig(signum)

    def handle_sig_wait_for_completion(self, signum: Signals) -> None:
        """Drains at the first signal; hands everything back at the second.

        A drain claims nothing more, and lets runs finish within the grace period.
        """
        if self.allow_pick_jobs:
            log.info("worker.draining", running=len(self._attempts), grace_seconds=self._job_completion_wait)
            super().handle_sig_wait_for_completion(signum)
            self._handing_back = asyncio.gather(
                self._hand_back(self._prefetch.take_all()), self._artifacts.stop()
            )
        else:
            self.handle_sig(signum)
