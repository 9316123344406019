"""An artifact store that is full, read-only or away holds jobs up, and loses none."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Iterable

import pytest
from structlog.testing import capture_logs

from jobs.core.job import INLINE_INPUT_MAX_BYTES, JobStatus
from jobs.store import keys
from jobs.worker.timing import WorkerTiming
from testsupport.core import Core
from testsupport.event_watcher import Watcher
from testsupport.runners import Gate, instant
from testsupport.stuck_artifacts import StuckArtifacts
from testsupport.waiting import eventually, soon

QUICK = WorkerTiming(artifact_retry_s=0.02, artifact_try_s=0.05, look_again_s=0.05)
REASON = "The bucket does not answer."
LARGE = b'{"input":{"html":"' + b"x" * INLINE_INPUT_MAX_BYTES + b'"},"options":{}}'


@pytest.fixture
def artifacts(core: Core) -> StuckArtifacts:
    core.artifacts = StuckArtifacts(core.settings.data_dir / "artifacts")
    return core.artifacts


@pytest.mark.parametrize("refuses", [True, False], ids=["refuses", "hangs"])
async def test_a_run_whose_result_cannot_be_written_fails_at_its_deadline_and_says_why(
    core: Core, artifacts: StuckArtifacts, watcher: Watcher, refuses: bool
) -> None:
    async with core.worker({"test": instant}, QUICK):
        artifacts.close(refuses=refuses)
        job = await core.submit(max_attempts=1, timeout_ms=200)
        await watcher.terminal(job.id)
    failed = (await core.store.get("acme", job.id)).document
    assert (failed["status"], failed["error"]["code"]) == ("failed", "storage_failed")
    assert failed["error"]["message"].startswith("The result could not be written before the time of the job")
    assert (REASON if refuses else "does not answer") in failed["error"]["message"]
    leftover = f"acme/{job.id}.1".encode()
    assert leftover in await core.redis.zrange(keys.GARBAGE, 0, -1), "what may be left of it is removed later"


async def test_a_run_whose_input_cannot_be_read_fails_at_its_deadline_and_says_why(
    core: Core, artifacts: StuckArtifacts, watcher: Watcher
) -> None:
    job = await core.submit(spec=LARGE, max_attempts=1, timeout_ms=200)
    artifacts.close(refuses=True)
    async with core.worker({"test": instant}, QUICK):
        await watcher.terminal(job.id)
    failed = (await core.store.get("acme", job.id)).document
    assert failed["error"]["code"] == "storage_failed"
    assert failed["error"]["message"].startswith("The input could not be read")
    assert REASON in failed["error"]["message"]


async def test_an_attempt_that_failed_so_is_repeated_when_the_artifact_store_takes_something(
    core: Core, artifacts: StuckArtifacts, watcher: Watcher
) -> None:
    async with core.worker({"test": instant}, QUICK):
        artifacts.close(refuses=True)
        job = await core.submit(timeout_ms=200)
        await watcher.wait_for(job.id, "job.retrying")
        artifacts.open()
        await watcher.terminal(job.id)
    done = await core.store.get("acme", job.id)
    assert (done.status, done.document["attempt"]) == (JobStatus.SUCCEEDED, 2)


async def test_a_result_is_written_when_there_is_room_again_before_the_deadline(
    core: Core, artifacts: StuckArtifacts, watcher: Watcher
) -> None:
    async with core.worker({"test": instant}, QUICK):
        artifacts.close(refuses=True)
        job = await core.submit(max_attempts=1)
        await soon(artifacts.tried)
        await watcher.wait_for(job.id, "job.started")
        artifacts.open()
        await watcher.terminal(job.id)
    assert await core.event_types(job) == ["job.queued", "job.started", "job.succeeded"]


async def test_no_further_job_is_begun_until_the_artifact_store_takes_something(
    core: Core, artifacts: StuckArtifacts, watcher: Watcher
) -> None:
    gate = Gate()
    async with core.worker({"test": instant, "held": gate}, QUICK) as worker:
        artifacts.close(refuses=True)
        first = await core.submit(max_attempts=1)
        await soon(artifacts.tried)
        await watcher.wait_for(first.id, "job.started")
        late = [await core.submit("held", max_attempts=1) for _ in range(3)]
        worker.signals.looked.watch()
        assert [await worker.signals.looked.next() for _ in range(3)] == [[], [], []]
        assert gate.runs == 0
        artifacts.open()
        gate.opened.set()
        for job in (first, *late):
            assert (await watcher.terminal(job.id)).type == "job.succeeded"


async def test_what_was_claimed_before_goes_back_to_the_queue_unused(
    core: Core, artifacts: StuckArtifacts, watcher: Watcher
) -> None:
    """Claims that are held for the next slots are for another worker then, or for later."""
    core.settings = dataclasses.replace(core.settings, worker_slots=1)
    timing = dataclasses.replace(QUICK, hold_s=0.05, renew_interval_s=0.05, prefetch_for_s=100.0)
    async with core.worker({"test": instant}, timing) as worker:
        await watcher.terminal((await core.submit()).id)  # runs are short, so it holds claims
        artifacts.close(refuses=True)
        jobs = [await core.submit(max_attempts=1) for _ in range(5)]

        async def nothing_is_held() -> bool:
            waiting = await core.redis.zcard(keys.READY + "acme")
            running = await core.redis.zcard(keys.JOBS + "acme:running")
            return bool(waiting + running == len(jobs) and waiting)

        await eventually(nothing_is_held)
        assert worker.tasks
        artifacts.open()
        for job in jobs:
            assert (await watcher.terminal(job.id)).type == "job.succeeded"


@pytest.mark.parametrize("refuses", [True, False], ids=["refuses", "hangs"])
async def test_a_worker_that_stops_hands_back_at_once_what_it_cannot_write(
    core: Core, artifacts: StuckArtifacts, watcher: Watcher, refuses: bool
) -> None:
    """The drain of these tests is ten minutes."""
    timing = dataclasses.replace(QUICK, artifact_try_s=600.0)
    async with core.worker({"test": instant}, timing) as worker:
        artifacts.close(refuses=refuses)
        job = await core.submit(max_attempts=1)
        await soon(artifacts.tried)
        await watcher.wait_for(job.id, "job.started")
        worker.signals.ended.watch()
        worker.handle_sig_wait_for_completion(signal.SIGTERM)
        assert (await worker.signals.ended.next()).job_id == job.id
    handed_back = await core.store.get("acme", job.id)
    assert (handed_back.status, handed_back.document["attempt"]) == (JobStatus.QUEUED, 0)
    artifacts.open()
    async with core.worker({"test": instant}, QUICK):
        assert (await watcher.terminal(job.id)).type == "job.succeeded"


async def test_one_line_says_that_it_begins_and_one_that_it_ends(
    core: Core, artifacts: StuckArtifacts, watcher: Watcher
) -> None:
    with capture_logs() as logs:
        async with core.worker({"test": instant}, QUICK):
            artifacts.close(refuses=True)
            jobs = [await core.submit() for _ in range(2)]
            puts = artifacts.puts
            await eventually(lambda: artifacts.puts > puts + 20)
            artifacts.open()
            for job in jobs:
                await watcher.terminal(job.id)
            await eventually(lambda: any(line["event"] == "artifacts.accepted_again" for line in logs))
    said = [line for line in logs if line["event"].startswith("artifacts.")]
    assert [line["event"] for line in said] == ["artifacts.refused", "artifacts.accepted_again"]
    assert REASON in said[0]["reason"]


async def test_a_sweep_that_cannot_remove_artifacts_does_the_rest(core: Core) -> None:
    class ReadOnly(StuckArtifacts):
        async def discard(self, paths: Iterable[str]) -> None:
            self.refuse_if_closed()
            await super().discard(paths)

    artifacts = core.artifacts = ReadOnly(core.settings.data_dir / "artifacts")
    await core.redis.zadd(keys.GARBAGE, {"acme/job_gone": 1})
    await core.store.cancel("acme", (await core.submit()).id)
    await core.redis.hdel(keys.EVENT_BYTES, "bus")
    artifacts.close(refuses=True)
    async with core.worker({}, QUICK) as worker:
        with capture_logs() as logs:
            for _ in range(3):
                await worker.sweep({})
    assert [line["event"] for line in logs if line["log_level"] in ("warning", "error")] == [
        "artifacts.refused"
    ]
    assert await core.redis.hexists(keys.EVENT_BYTES, "bus"), "events were trimmed"
