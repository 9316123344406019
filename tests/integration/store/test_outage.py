"""The store goes away and comes back: no process exits, nothing is lost, nothing runs twice."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from api.cli.local.embedded_valkey import DURABLE
from jobs.core.errors.store import StoreFull, StoreUnavailable
from jobs.core.ids import new_job_id
from jobs.core.job import INLINE_INPUT_MAX_BYTES, Progress, Result, Submission
from jobs.kinds import Run
from jobs.store import keys
from jobs.store.queue import LEASE_MS
from jobs.worker.timing import WorkerTiming
from testsupport.core import Core
from testsupport.deployment import Deployment
from testsupport.event_watcher import Watcher
from testsupport.ports import free_port
from testsupport.runners import Gate, instant
from testsupport.valkey import FaultyValkey
from testsupport.waiting import DEADLINE_S, eventually


@pytest.fixture
async def core(own_valkey: FaultyValkey, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(own_valkey.url, tmp_path, PRESSRUN_WORKER_SLOTS="2")
    yield core
    await core.redis.aclose()


async def outage_longer_than_leases() -> None:
    """Long enough for every lease to expire twice over. An outage has no signal to wait for."""
    await asyncio.sleep(2.5 * LEASE_MS / 1000)


async def frozen(server: FaultyValkey) -> None:
    with server.frozen():
        await outage_longer_than_leases()


async def restarted(server: FaultyValkey) -> None:
    await asyncio.to_thread(server.stop)
    await outage_longer_than_leases()
    await asyncio.to_thread(server.start)


async def killed(server: FaultyValkey) -> None:
    await asyncio.to_thread(server.kill)
    await outage_longer_than_leases()
    await asyncio.to_thread(server.start)


@pytest.mark.parametrize("outage", [frozen, restarted, killed])
async def test_a_running_job_survives_an_outage_and_runs_once(
    core: Core, own_valkey: FaultyValkey, outage: Callable[[FaultyValkey], Awaitable[None]]
) -> None:
    gate = Gate()
    async with (
        Watcher.following(core.redis) as watcher,
        core.worker({"test": gate}),
        core.worker({"test": gate}),
    ):
        running = [await core.submit() for _ in range(4)]
        waiting = [await core.submit() for _ in range(4)]
        for job in running:
            await watcher.wait_for(job.id, "job.started")
        await outage(own_valkey)
        gate.opened.set()
        for job in running + waiting:
            assert (await watcher.terminal(job.id)).type == "job.succeeded"
    assert gate.runs == 8
    for job in running + waiting:
        assert await core.event_types(job) == ["job.queued", "job.started", "job.succeeded"]


async def test_a_worker_may_start_before_its_store_and_stop_after_it(
    core: Core, own_valkey: FaultyValkey, tmp_path: Path
) -> None:
    await asyncio.to_thread(own_valkey.stop)
    async with Deployment.running(own_valkey.url, tmp_path, ("jobs",)) as deployment:

        def has_logged(what: str) -> bool:
            return any(line["event"] == what for line in deployment.log_lines("jobs", 0))

        await eventually(lambda: has_logged("store.waiting"))
        await asyncio.to_thread(own_valkey.start)
        async with Watcher.following(core.redis) as watcher:
            job = await core.submit("pdf.render", spec=b'{"input":{"html":"<p>Hello"},"options":{}}')
            await watcher.terminal(job.id)
        await asyncio.to_thread(own_valkey.stop)
        _, worker = deployment.processes[0]
        worker.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            assert await worker.wait() == 0
        assert has_logged("worker.stopped")
    await asyncio.to_thread(own_valkey.start)
    assert await core.event_types(job) == ["job.queued", "job.started", "job.succeeded"]


@pytest.mark.parametrize("lost_at", ["EXISTS", "ZSCORE", "MULTI"])
async def test_a_worker_goes_on_if_the_store_goes_away_while_it_begins_a_sweep(
    core: Core, monkeypatch: pytest.MonkeyPatch, lost_at: str
) -> None:
    """arq looks at a cron job between WATCH and EXEC. It fails more often here than jobs run."""
    async with core.worker({"test": instant}, WorkerTiming(unfinished_per_slot=0)) as worker:
        connection_class = worker.pool.connection_pool.connection_class
        send = connection_class.send_packed_command
        faults = 0

        async def lose_the_connection(
            connection: AbstractConnection, command: list[bytes], check_health: bool = True
        ) -> None:
            nonlocal faults
            first = b"".join(command)
            begins = first.partition(b"\r\n")[2].partition(b"\r\n")[2].startswith(lost_at.encode())
            if faults < worker.max_jobs + 1 and begins and b"cron:" in first:
                faults += 1
                await connection.disconnect()
                raise RedisConnectionError("lost")
            await send(connection, command, check_health)

        monkeypatch.setattr(connection_class, "send_packed_command", lose_the_connection)
        for number in range(worker.max_jobs + 1):
            await core.redis.enqueue_job(
                "cron:sweep", _job_id=f"cron:sweep:{number}", _queue_name=keys.CRON_QUEUE
            )

        async def swept() -> bool:
            return not await core.redis.zcard(keys.CRON_QUEUE)

        await eventually(swept)
        assert faults == worker.max_jobs + 1


async def test_a_worker_goes_on_if_the_store_goes_away_while_it_leaves_a_sweep_to_another(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """arq has taken its count back by then, and takes back the WATCH."""
    mark = "arq:in-progress:cron:sweep:1"
    await core.redis.set(mark, 1)
    async with core.worker({"test": instant}, WorkerTiming(unfinished_per_slot=0)) as worker:
        connection_class = worker.pool.connection_pool.connection_class
        send = connection_class.send_packed_command
        lost = asyncio.Event()

        async def time_out(
            connection: AbstractConnection, command: list[bytes], check_health: bool = True
        ) -> None:
            if not lost.is_set() and b"UNWATCH" in b"".join(command):
                lost.set()
                await connection.disconnect()
                raise RedisTimeoutError("no answer")
            await send(connection, command, check_health)

        monkeypatch.setattr(connection_class, "send_packed_command", time_out)
        await core.redis.enqueue_job("cron:sweep", _job_id="cron:sweep:1", _queue_name=keys.CRON_QUEUE)
        async with asyncio.timeout(DEADLINE_S):
            await lost.wait()
        await core.redis.delete(mark)

        async def swept() -> bool:
            return not await core.redis.zcard(keys.CRON_QUEUE)

        await eventually(swept)


@pytest.mark.parametrize("package", ["api", "jobs", "notifier"])
async def test_a_cluster_is_refused_at_start(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DURABLE, "cluster-enabled", "yes")
    monkeypatch.setitem(DURABLE, "cluster-port", str(free_port()))
    server = FaultyValkey(tmp_path / "cluster")
    server.start()
    try:
        async with Deployment.running(server.url, tmp_path, ()) as deployment:
            process = await deployment.start(package)
            async with asyncio.timeout(DEADLINE_S):
                assert await process.wait() == 2
        assert "REDIS_URL names a cluster" in (tmp_path / f"{package}-0.log").read_text()
    finally:
        await asyncio.to_thread(server.stop)


async def test_a_submission_during_an_outage_fails_and_can_be_repeated(
    core: Core, own_valkey: FaultyValkey
) -> None:
    await core.submit()
    await asyncio.to_thread(own_valkey.stop)
    with pytest.raises(StoreUnavailable):
        await core.submit()
    await asyncio.to_thread(own_valkey.start)
    assert await core.submit()
    assert len((await core.store.page("acme")).items) == 2


async def test_a_full_store_refuses_submissions_but_lets_jobs_finish(
    core: Core, own_valkey: FaultyValkey
) -> None:
    gate = Gate()
    async with Watcher.following(core.redis) as watcher, core.worker({"test": gate}):
        job = await core.submit()
        await watcher.wait_for(job.id, "job.started")
        await core.redis.config_set("maxmemory", "1mb")
        with pytest.raises(StoreFull):
            await core.submit()
        gate.opened.set()
        assert (await watcher.terminal(job.id)).type == "job.succeeded"
        await core.redis.config_set("maxmemory", "0")
        await core.submit()
    assert await core.event_types(job) == ["job.queued", "job.started", "job.succeeded"]


async def test_a_full_store_recognises_accepted_jobs_and_keeps_nothing_of_refused_ones(
    core: Core, own_valkey: FaultyValkey
) -> None:
    big = b'{"input":{"html":"' + b"x" * INLINE_INPUT_MAX_BYTES + b'"},"options":{}}'
    first = await core.submit(spec=big, idempotency_key="k", content_digest="d")
    directory = core.settings.data_dir / "artifacts"
    kept = sorted(directory.rglob("*"))
    await core.redis.config_set("maxmemory", "1mb")
    again = await core.submit(spec=big, idempotency_key="k", content_digest="d")
    with pytest.raises(StoreFull):
        await core.submit(spec=big)
    with pytest.raises(StoreFull):
        await core.submit(spec=big, idempotency_key="another", content_digest="d")
    assert again.id == first.id
    assert sorted(path for path in directory.rglob("*") if path.is_file()) == [
        path for path in kept if path.is_file()
    ]


@pytest.mark.parametrize("key", [None, "k"])
async def test_an_accepted_job_whose_answer_was_lost_keeps_its_input_even_if_the_store_is_full(
    core: Core, own_valkey: FaultyValkey, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    big = b'{"input":{"html":"' + b"x" * INLINE_INPUT_MAX_BYTES + b'"},"options":{}}'
    submission = Submission(
        job_id=new_job_id(), tenant="acme", kind="test", spec=big, idempotency_key=key, content_digest="d"
    )
    connection_class = core.redis.connection_pool.connection_class
    read_response = connection_class.read_response
    observer = Redis.from_url(own_valkey.url)  # its connections have another class, so they lose nothing
    lost = False

    async def lose_the_answer(connection: AbstractConnection, **options: Any) -> Any:
        nonlocal lost
        answer = await read_response(connection, **options)
        if not lost and await observer.exists(keys.JOB + submission.job_id):
            lost = True
            await observer.config_set("maxmemory", "1mb")
            raise RedisConnectionError
        return answer

    monkeypatch.setattr(connection_class, "read_response", lose_the_answer)
    if key is None:
        with pytest.raises(StoreFull):
            await core.store.submit(submission)
    else:
        assert (await core.store.submit(submission)).job.id == submission.job_id
    assert lost
    await observer.config_set("maxmemory", "0")
    await observer.aclose()
    (claim,) = (await core.queue.claim(1)).claims
    assert await core.queue.spec(claim) == json.loads(big)


async def test_progress_is_reported_again_after_the_store_was_full_for_a_moment(
    core: Core, own_valkey: FaultyValkey
) -> None:
    gate = Gate()

    async def reporting(run: Run) -> Result:
        percent = 0
        while not gate.opened.is_set():
            percent += 1
            run.report(Progress(percent, "layout", None))
            await asyncio.sleep(0.01)
        return await instant(run)

    async with Watcher.following(core.redis) as watcher, core.worker({"test": reporting}):
        job = await core.submit()
        await watcher.wait_for(job.id, "job.started")
        await core.redis.config_set("maxmemory", "1mb")
        await eventually(lambda: refused_for_memory(core, 2))
        await core.redis.config_set("maxmemory", "0")

        async def has_progress() -> bool:
            return (await core.store.get("acme", job.id)).document["progress"] is not None

        await eventually(has_progress)
        gate.opened.set()
        await watcher.terminal(job.id)


async def refused_for_memory(core: Core, count: int) -> bool:
    errors = await core.redis.info("errorstats")
    return int(errors.get("errorstat_OOM", {}).get("count", 0)) >= count


async def test_an_attempt_ends_even_if_its_result_cannot_be_stored_for_reuse(core: Core) -> None:
    """Storing a result for reuse needs memory in the store; recording the success does not."""

    gate = Gate()

    async def reusable(run: Run) -> Result:
        return dataclasses.replace(await gate(run), reuse_key="digest")

    async with Watcher.following(core.redis) as watcher, core.worker({"test": reusable}) as worker:
        worker.signals.ended.watch()
        job = await core.submit()
        await watcher.wait_for(job.id, "job.started")
        await core.redis.config_set("maxmemory", "1mb")
        gate.opened.set()
        assert (await watcher.terminal(job.id)).type == "job.succeeded"
        assert (await worker.signals.ended.next()).job_id == job.id
        await core.redis.config_set("maxmemory", "0")


async def test_a_reader_that_missed_more_events_than_the_bus_keeps_reports_a_gap(
    core: Core, own_valkey: FaultyValkey
) -> None:
    async with Watcher.following(core.redis) as watcher, core.worker({"test": instant}):
        job = await core.submit()
        await watcher.terminal(job.id)
        await core.redis.flushall()
        await asyncio.to_thread(own_valkey.restart)
        await eventually(lambda: watcher.gaps == 1)
        after = await core.submit()
        await watcher.terminal(after.id)


async def test_a_reader_reports_a_gap_after_an_outage_that_was_too_short_for_it_to_notice(
    core: Core, own_valkey: FaultyValkey
) -> None:
    async with Watcher.following(core.redis) as watcher:
        job = await core.submit()
        await watcher.wait_for(job.id, "job.queued")
        await core.redis.flushall()
        own_valkey.restart()  # blocks: nothing else of this process runs during the restart
        await eventually(lambda: watcher.gaps == 1)
        after = await core.submit()
        await watcher.wait_for(after.id, "job.queued")
