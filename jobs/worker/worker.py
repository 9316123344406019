"""The worker: an arq worker whose claim, run and finish steps are Pressrun's.

arq gives the life cycle, signals, the context, the job functions and cron (on its own queue, its stock path). What it
would do by polling, with extra round trips, or by id without asking whose claim it is, is overridden here.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from signal import Signals
from typing import Any

import structlog
from arq.connections import ArqRedis
from arq.cron import cron
from arq.jobs import DeserializationError, deserialize_job_raw
from arq.worker import Worker, func
from redis.exceptions import RedisError

from jobs.core.errors.store import StoreError
from jobs.core.job import Claim
from jobs.core.settings import Settings
from jobs.kinds import Runner
from jobs.process.event_wait import is_set_within
from jobs.store import keys
from jobs.store.client import BLOCK_MS, raise_if_cancelled, translated_errors, wait_for_store
from jobs.store.queue import JobQueue, StopReason
from jobs.worker.attempt import Attempt
from jobs.worker.coalescing import CLAIM_PATIENCE_S, OUTCOME_PATIENCE_S, Company
from jobs.worker.leases import LeaseWatch
from jobs.worker.prefetch import Prefetch

log = structlog.get_logger(__name__)

RENEW_INTERVAL_S = 0.5
"""How often leases are renewed while there are claims; also how soon a cancelled run hears of it."""
SWEEP_SECONDS = frozenset(range(0, 60, 10))
UNFINISHED_PER_SLOT = 8
"""How many finished renders per slot may still be on their way to the store before no more are claimed."""


async def run_claim(ctx: dict[str, Any], job_id: str) -> None:
    """The arq job function behind every job: runs the attempt that the claim in `ctx` made."""
    worker: JobWorker = ctx["worker"]
    await worker.run_attempt(ctx["claim"])


async def sweep(ctx: dict[str, Any]) -> None:
    """Cron: expires results and records and removes what is no longer needed."""
    worker: JobWorker = ctx["worker"]
    await worker.sweep()


class JobWorker(Worker):
    """Claims jobs into `slots` and runs them."""

    def __init__(
        self,
        redis: ArqRedis,
        queue: JobQueue,
        settings: Settings,
        *,
        start: Callable[[], Awaitable[Mapping[str, Runner]]],
        stop: Callable[[], Awaitable[None]],
        handle_signals: bool = True,
    ) -> None:
        """`start` makes the runners ready (warm children) before the first claim, `stop` ends them after the last."""
        super().__init__(
            functions=[func(run_claim, name="run_claim")],
            cron_jobs=[cron(sweep, second=set(SWEEP_SECONDS), run_at_startup=False)],
            queue_name=keys.CRON_QUEUE,
            redis_pool=redis,
            on_startup=self._on_startup,
            handle_signals=handle_signals,
            job_completion_wait=settings.drain_seconds,
            max_jobs=settings.worker_slots * (1 + UNFINISHED_PER_SLOT),
            keep_result=0,
            poll_delay=0,
            job_serializer=redis.job_serializer,
            job_deserializer=redis.job_deserializer,
            ctx={"worker": self},
        )
        self._queue = queue
        self._slots = settings.worker_slots
        self._busy = 0
        self._slot_freed = asyncio.Event()
        self._reserve = Prefetch(settings.worker_slots)
        self._company = Company(OUTCOME_PATIENCE_S)
        self._round_trip = Company(CLAIM_PATIENCE_S)
        self._default_timeout_ms = settings.render_timeout * 1000
        self._start, self._stop = start, stop
        self._runners: Mapping[str, Runner] = {}
        self._attempts: dict[str, Attempt] = {}
        self._leases = LeaseWatch(queue.lease_ms)
        self._renewal: asyncio.Task[None] | None = None
        self._handing_back: asyncio.Task[None] | None = None
        self._rest_until_ms: float | None = None
        """Until then, only the doorbell is a reason to look: the last look left nothing. None: look at once."""
        self._stock_poll_due = 0.0

    # --- claiming ---------------------------------------------------------------------------------------------

    async def _poll_iteration(self) -> None:
        """One look at the queue and, where there was nothing to do, a wait for a reason to look again."""
        raise_if_cancelled()
        try:
            if self.allow_pick_jobs:
                await self._claim_and_wait()
            else:
                await asyncio.sleep(0.05)
            await self._poll_cron()
        except StoreError as error:
            self._leases.interrupted()
            log.warning("worker.store_unavailable", reason=str(error))
            await asyncio.sleep(0.5 + random.random())  # noqa: S311 (jitter)

    @property
    def _free_slots(self) -> int:
        """How many jobs may begin; none while too many that have ended are on their way to the store."""
        return min(self._slots - self._busy, self.max_jobs - len(self.tasks))

    async def _claim_and_wait(self) -> None:
        if self._free_slots <= 0:  # no hurry
            await self._round_trip.wait()
            if not self.allow_pick_jobs:
                return
        now_ms = time.monotonic() * 1000
        lost = self._leases.lost(now_ms)
        free = self._free_slots
        want = free if free > 0 else self._reserve.room
        if free > 0 and self._rest_until_ms is not None and not lost:
            haul = await self._queue.claim_when_rung(want, self._rest_until_ms - now_ms)
        else:
            haul = await self._queue.claim(want, lost)
        now_ms = time.monotonic() * 1000
        self._leases.observe(haul.expired, now_ms)
        for claim in haul.claims:
            self._reserve.put(claim, time.monotonic())
        self._fill_slots()
        if not self.allow_pick_jobs:  # a drain has begun meanwhile
            return await self._hand_back(self._reserve.empty())
        wait_ms = BLOCK_MS if haul.next_due_ms is None else min(haul.next_due_ms + 1, BLOCK_MS)
        has_more = len(haul.claims) == want
        self._rest_until_ms = None if has_more else now_ms + wait_ms
        if self._free_slots <= 0 and not (has_more and self._reserve.room):
            await self._wait_for_slot(wait_ms)

    def _fill_slots(self) -> None:
        while self.allow_pick_jobs and self._free_slots > 0:
            claim = self._reserve.take()
            if claim is None:
                self._slot_freed.set()
                self._round_trip.depart()
                return
            self._begin(claim)

    async def _wait_for_slot(self, timeout_ms: int) -> None:
        self._slot_freed.clear()
        # Without one, look at the queue all the same: leases may be lost.
        await is_set_within(self._slot_freed, max(timeout_ms, 50) / 1000)

    async def _poll_cron(self) -> None:
        """arq's own poll, about once a second: its queue holds only cron jobs."""
        if time.monotonic() >= self._stock_poll_due:
            self._stock_poll_due = time.monotonic() + BLOCK_MS / 1000
            with translated_errors():
                await super()._poll_iteration()

    # --- running ----------------------------------------------------------------------------------------------

    def _begin(self, claim: Claim) -> None:
        try:
            name, arguments, named, _, _ = deserialize_job_raw(
                claim.entry, deserializer=self.job_deserializer
            )
            function = self.functions[name]
        except (DeserializationError, KeyError):
            # Another release wrote it. The lease runs out, and after some such claims the job has failed.
            log.exception("worker.unknown_entry", **claim.log_context)
            return
        context = {**self.ctx, "claim": claim, "job_id": claim.job_id}
        task = self.loop.create_task(function.coroutine(context, *arguments, **named))
        self._busy += 1
        self.tasks[claim.job_id] = task
        task.add_done_callback(lambda _: self._ended(claim.job_id))

    async def run_attempt(self, claim: Claim) -> None:
        """Runs the claim to its outcome. Never raises."""
        attempt = Attempt(
            claim,
            self._queue,
            self._runners,
            self._default_timeout_ms,
            self._company,
            self._round_trip,
            start_may_wait=bool(self._attempts)
            and self._reserve.has_company
            and self._reserve.runs_are_brief
            and not claim.may_expire,
        )
        self._attempts[claim.job_id] = attempt
        began = time.monotonic()

        def slot_freed() -> bool:
            self._busy -= 1
            self._reserve.ran(time.monotonic() - began)
            self._fill_slots()
            if self._reserve.room:
                self._slot_freed.set()
            return self._busy == self._slots and self._reserve.has_company

        try:
            await attempt.run(slot_freed)
        finally:
            if self._attempts.get(claim.job_id) is attempt:
                del self._attempts[claim.job_id]

    def _ended(self, job_id: str) -> None:
        self.tasks.pop(job_id, None)
        if len(self.tasks) == self.max_jobs - 1:
            self._fill_slots()
            self._slot_freed.set()

    async def _renew_leases(self) -> None:
        """Keeps the claims of this worker alive, and ends those that are not current any more."""
        while True:
            await asyncio.sleep(RENEW_INTERVAL_S)
            raise_if_cancelled()
            await self._hand_back(self._reserve.overdue(time.monotonic()))
            claims = [attempt.claim for attempt in self._attempts.values()] + self._reserve.claims
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

    def _stop_claim(self, claim: Claim, reason: StopReason) -> None:
        """This claim, and not a newer one of the same job."""
        self._reserve.drop(claim)
        attempt = self._attempts.get(claim.job_id)
        if attempt is not None and attempt.claim is claim:
            attempt.stop(reason)

    async def _hand_back(self, claims: Iterable[Claim]) -> None:
        """Returns jobs that were not begun, in one round trip. Where that fails, their leases run out."""

        async def release(claim: Claim) -> None:
            try:
                await self._queue.release(claim, began=False)
            except StoreError as error:
                log.warning("worker.not_released", reason=str(error), **claim.log_context)

        await asyncio.gather(*map(release, claims))

    async def sweep(self) -> None:
        while await self._queue.sweep():
            pass

    # --- life -------------------------------------------------------------------------------------------------

    async def main(self) -> None:
        await wait_for_store(self.pool)  # arq would give up
        await super().main()

    async def _on_startup(self, ctx: dict[str, Any]) -> None:
        self._runners = await self._start()
        self._renewal = asyncio.create_task(self._renew_leases())
        log.info("worker.ready", slots=self._slots, kinds=sorted(self._runners))

    async def _shut_down(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
        await self._hand_back(self._reserve.empty())
        await self._stop()
        log.info("worker.stopped")

    async def close(self) -> None:
        """Waits for interrupted tasks here: arq would leave the rest undone where a cron job was one of them, and
        where the store does not answer."""
        self.allow_pick_jobs = False
        for task in self.tasks.values():
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks.values())
        self.tasks.clear()
        await self._shut_down()
        try:
            await super().close()
        except (RedisError, OSError) as error:  # it forgets a health check, which nobody asked for
            log.warning("worker.store_unavailable", reason=str(error))

    def handle_sig(self, signum: Signals) -> None:
        self.allow_pick_jobs = False  # or a slot that is freed now would begin a held job
        super().handle_sig(signum)

    def handle_sig_wait_for_completion(self, signum: Signals) -> None:
        """First signal: claim nothing more, finish within the grace period. Second: hand everything back now."""
        if self.allow_pick_jobs:
            log.info("worker.draining", running=len(self._attempts), grace_seconds=self._job_completion_wait)
            super().handle_sig_wait_for_completion(signum)
            self._handing_back = self.loop.create_task(self._hand_back(self._reserve.empty()))
        else:
            self.handle_sig(signum)
