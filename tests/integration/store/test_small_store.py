"""A store with little memory keeps accepting jobs: events make room, and so does what ends."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from api.monitoring.metrics import Metrics
from api.monitoring.readiness import Readiness
from jobs.core.errors.request import CursorExpired
from jobs.core.errors.store import StoreFull
from jobs.core.events import Cursor, Event
from jobs.core.job import Job, Result
from jobs.core.settings import EVENTS_PERCENT
from jobs.store import keys
from jobs.store.events.event_tail import Tail
from jobs.store.events.followers import Followers
from jobs.store.memory import MIB, WARN_AT_PERCENT, read_memory
from jobs.worker.memory_watch import MemoryWatch
from testsupport.core import Core, now_ms
from testsupport.event_watcher import Watcher
from testsupport.hooks import TENANT, Hooks, failing
from testsupport.runners import instant
from testsupport.valkey import FaultyValkey
from testsupport.waiting import eventually

SMALL = "25mb"
SPEC = b'{"input":{"html":"' + b"x" * 500 + b'"},"options":{}}'
RESULT = Result(body=b"%PDF", content_type="application/pdf", filename="a.pdf", details={"pages": 1})


async def limited(core: Core, maxmemory: str) -> None:
    await core.redis.config_set("maxmemory", maxmemory)
    # As hosted stores have it; `always` would only make these tests slow.
    await core.redis.config_set("hash-max-listpack-value", 64)
    await core.redis.config_set("appendfsync", "no")


@pytest.fixture
async def core(own_valkey: FaultyValkey, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(own_valkey.url, tmp_path)
    await limited(core, SMALL)
    yield core
    await core.redis.aclose()


async def run(core: Core, *, tenant: str = "acme") -> Job:
    """Takes a new job through submit, claim, start and success. Its result is not written."""
    job = await core.submit(tenant=tenant, spec=SPEC)
    await end(core, 1)
    return job


async def end(core: Core, count: int) -> None:
    for claim in (await core.queue.claim(count)).claims:
        await core.queue.start(claim)
        await core.queue.succeed(claim, RESULT, f"{claim.tenant}/{claim.job_id}.1")


async def fill(core: Core) -> list[Job]:
    """Runs jobs until the store refuses one."""
    jobs: list[Job] = []
    while True:
        try:
            jobs.append(await run(core))
        except StoreFull:
            return jobs


async def accepts(core: Core, spec: bytes = SPEC) -> bool:
    try:
        await core.submit(spec=spec)
    except StoreFull:
        return False
    return True


async def used(core: Core) -> int:
    return (await read_memory(core.redis)).used


async def url_of_user(core: Core, *forbidden: str) -> str:
    """Returns the URL of the store for a user without the commands that are `forbidden`."""
    await core.redis.execute_command(
        "ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", *forbidden
    )
    return core.settings.redis_url.replace("redis://", "redis://app:secret@")


async def make_the_event_old(core: Core) -> None:
    """Replaces the one event in the log by one of 2020."""
    ((entry_id, fields),) = await core.redis.xrange(keys.LOG + "acme")
    old = fields[b"e"].replace(json.loads(fields[b"e"])["timestamp"].encode(), b"2020-01-01T00:00:00.000Z")
    await core.redis.delete(keys.LOG + "acme")
    await core.redis.xadd(keys.LOG + "acme", {**fields, b"e": old}, entry_id)


async def test_thousands_of_jobs_go_through_a_small_store_if_they_are_deleted_in_the_end(core: Core) -> None:
    kept: deque[Job] = deque()
    async with Watcher.following(core.redis) as watcher:
        for _ in range(5_000):  # without trimming, 2,450 jobs filled it
            kept.append(await run(core))
            if len(kept) == 1_000:
                deleted = kept.popleft()
                await core.store.delete("acme", deleted.id)
        await watcher.wait_for(deleted.id, "job.expired")
    memory = await read_memory(core.redis)
    assert memory.percent is not None
    assert memory.percent < WARN_AT_PERCENT
    assert memory.events < 25 * MIB * EVENTS_PERCENT / 100
    assert watcher.gaps == 0
    assert len(watcher.events) == 3 * 5_000 + 4_001


async def test_events_leave_most_of_a_small_store_to_jobs(core: Core) -> None:
    await core.redis.config_set("maxmemory", "12mb")
    jobs = await fill(core)
    assert len(jobs) > 5_000
    assert (await read_memory(core.redis)).events < 12 * MIB * 0.06


async def test_a_store_that_an_earlier_release_has_filled_with_events_takes_jobs_again(core: Core) -> None:
    await run(core)
    await core.redis.config_set("maxmemory", "0")
    body = b'{"timestamp":"2026-01-01T00:00:00.000Z","data":"' + b"x" * 1_000 + b'"}'
    for sequence in range(1_000, 3_500):  # that release knew no sizes
        await core.redis.xadd(keys.LOG + "acme", {"v": 1, "e": body}, id=f"{sequence}-0")
        await core.redis.xadd(keys.BUS, {"t": "acme", "s": sequence, "e": body})
    await core.redis.hset(keys.TENANT + "acme", "sequence", sequence)
    await core.redis.delete(keys.LOG_SIZES, keys.EVENT_BYTES)
    await core.redis.config_set("maxmemory", await used(core))
    assert not await accepts(core)

    await core.queue.trim_events()
    assert await accepts(core)


async def test_a_log_that_has_vanished_is_not_counted_any_more_and_stops_no_event(
    core: Core, tmp_path: Path
) -> None:
    for _ in range(400):  # more than 1 MiB
        await run(core, tenant="vanishing")
    await core.redis.delete(keys.LOG + "vanishing")
    small = Core.open(core.settings.redis_url, tmp_path, PRESSRUN_EVENTS_MB="1")
    for _ in range(20):
        await run(small)
    await small.redis.aclose()
    assert await core.redis.zscore(keys.LOG_SIZES, "vanishing") is None
    logs = int(await core.redis.hget(keys.EVENT_BYTES, "logs"))
    assert logs == await core.redis.zscore(keys.LOG_SIZES, "acme")


async def test_a_full_store_takes_jobs_again_when_some_are_deleted_and_events_go_on(core: Core) -> None:
    await core.redis.config_set("maxmemory", "8mb")
    jobs = await fill(core)
    async with Watcher.following(core.redis) as watcher:
        for job in jobs[:800]:
            await core.store.delete("acme", job.id)
        accepted = [await run(core) for _ in range(100)]
        await watcher.terminal(accepted[-1].id)
    expired = [event.job_id for event in watcher.events if event.type == "job.expired"]
    assert expired == [job.id for job in jobs[:800]]


async def test_deleting_jobs_of_a_full_store_frees_more_than_its_events_take(core: Core) -> None:
    await core.redis.config_set("maxmemory", "8mb")
    jobs = await fill(core)
    for at in range(0, 1_000, 250):  # large groups: buffers of connections move by some kilobytes
        before = await used(core)
        for job in jobs[at : at + 250]:
            await core.store.delete("acme", job.id)
        assert await used(core) < before


async def test_a_store_full_of_waiting_jobs_takes_jobs_again_when_they_end(core: Core) -> None:
    await core.redis.config_set("maxmemory", "8mb")
    big = b'{"input":{"html":"' + b"x" * 8_000 + b'"},"options":{}}'
    for _ in range(300):
        await core.submit(spec=big)
    while await accepts(core, big):
        pass
    await end(core, 100)
    for _ in range(40):  # not 100: the records and events of the ended jobs stay
        await core.submit(spec=big)


async def test_a_worker_removes_expired_jobs_from_a_full_store(core: Core) -> None:
    await core.redis.config_set("maxmemory", "8mb")
    jobs = await fill(core)
    now = await now_ms(core.redis)
    await core.redis.config_set("maxmemory", "0")
    for job in jobs[:500]:
        await core.redis.zadd(keys.EXPIRY_RECORDS, {job.id: now})
    await core.redis.config_set("maxmemory", "8mb")
    with pytest.raises(StoreFull):
        await core.submit(spec=SPEC)

    async with core.worker({"test": instant}):
        await eventually(lambda: accepts(core))


async def test_the_largest_log_makes_room_first(core: Core) -> None:
    await core.redis.config_set("maxmemory", "12mb")
    for tenant in ("a", "b", "c"):
        for _ in range(40):
            await run(core, tenant=tenant)
    for _ in range(1_500):
        await core.store.delete("large", (await run(core, tenant="large")).id)
    memory = await read_memory(core.redis)
    assert memory.events < 12 * MIB * EVENTS_PERCENT / 100
    assert [await core.redis.xlen(keys.LOG + tenant) for tenant in "abc"] == [120, 120, 120]
    assert 1_000 < await core.redis.xlen(keys.LOG + "large") < 5_000


async def test_many_logs_that_are_small_each_share_the_room(core: Core) -> None:
    await core.redis.config_set("maxmemory", "12mb")
    for at in range(4_000):
        tenant = f"tenant-{at % 100}"
        await core.store.delete(tenant, (await run(core, tenant=tenant)).id)
    logs = [await core.redis.memory_usage(key, samples=0) for key in await core.redis.keys(keys.LOG + "*")]
    bus = await core.redis.memory_usage(keys.BUS, samples=0)
    assert len(logs) == 100
    # A log may hold 32 events more than were measured.
    assert sum(logs) + bus < 12 * MIB * EVENTS_PERCENT / 100 + 100 * 32 * 1_400


async def test_a_store_without_maxmemory_is_trimmed_by_number_only(core: Core, tmp_path: Path) -> None:
    await core.redis.config_set("maxmemory", "0")
    small = Core.open(
        core.settings.redis_url, tmp_path, PRESSRUN_LOG_EVENTS="1000", PRESSRUN_BUS_EVENTS="1000"
    )
    for _ in range(1_000):
        await run(small)
    assert await core.redis.xlen(keys.LOG + "acme") == pytest.approx(1_000, abs=110)
    assert await core.redis.xlen(keys.BUS) == pytest.approx(1_000, abs=110)
    await small.redis.aclose()


async def test_a_share_in_mib_holds_without_maxmemory_too(core: Core, tmp_path: Path) -> None:
    await core.redis.config_set("maxmemory", "0")
    small = Core.open(core.settings.redis_url, tmp_path, PRESSRUN_EVENTS_MB="1")
    for _ in range(1_000):
        await run(small)
    events = await core.redis.memory_usage(keys.LOG + "acme", samples=0)
    events += await core.redis.memory_usage(keys.BUS, samples=0)
    assert events < 1.1 * MIB
    await small.redis.aclose()


@pytest.mark.parametrize("forbidden", ["-info", "-memory", "-info -memory"])
async def test_a_store_that_forbids_to_ask_for_sizes_is_trimmed_by_number(
    core: Core, tmp_path: Path, forbidden: str
) -> None:
    url = await url_of_user(core, *forbidden.split())
    limited_user = Core.open(url, tmp_path, PRESSRUN_LOG_EVENTS="100")
    for _ in range(100):
        await run(limited_user)
    await limited_user.store.delete("acme", (await run(limited_user)).id)
    await limited_user.queue.trim_events()
    assert 100 <= await core.redis.xlen(keys.LOG + "acme") < 200
    await limited_user.redis.aclose()


async def test_events_that_are_too_old_go_and_later_ones_stay(core: Core, tmp_path: Path) -> None:
    for _ in range(100):
        await core.submit()
    entries = await core.redis.xrange(keys.LOG + "acme")
    await core.redis.delete(keys.LOG + "acme")
    for at, (entry_id, fields) in enumerate(entries):
        event = json.loads(fields[b"e"])
        if at < 70:
            event["timestamp"] = f"2020-01-01T00:{at // 60:02d}:{at % 60:02d}.000Z"
        body = json.dumps(event, separators=(",", ":"))
        await core.redis.xadd(keys.LOG + "acme", {**fields, b"e": body}, entry_id)

    await core.queue.trim_events()

    (first, _), *_ = await core.redis.xrange(keys.LOG + "acme")
    assert first == b"71-0"
    assert await core.redis.xlen(keys.LOG + "acme") == 30
    head = await core.log.head("acme")
    with pytest.raises(CursorExpired):
        await core.log.page("acme", Cursor(head.epoch, 69), 10)
    assert len((await core.log.page("acme", Cursor(head.epoch, 70), 100)).bodies) == 30


async def test_events_go_by_age_in_a_store_that_tells_no_sizes(core: Core, tmp_path: Path) -> None:
    url = await url_of_user(core, "-memory")
    limited_user = Core.open(url, tmp_path)
    await limited_user.submit()
    await make_the_event_old(core)
    await core.redis.delete(keys.BUS)

    await limited_user.queue.trim_events()
    await limited_user.redis.aclose()
    assert await core.redis.xlen(keys.LOG + "acme") == 0


async def test_a_log_of_old_events_alone_becomes_empty_and_goes_on(core: Core) -> None:
    job = await core.submit()
    await make_the_event_old(core)

    await core.queue.trim_events()
    await core.queue.trim_events()
    assert await core.log.of_job("acme", job.id) == []
    await core.store.cancel("acme", job.id)
    assert await core.event_types(job) == ["job.cancelled"]


async def test_webhooks_lose_nothing_when_log_and_bus_are_trimmed(
    own_valkey: FaultyValkey, core: Core, tmp_path: Path
) -> None:
    hooks = await Hooks.open(own_valkey.url, tmp_path / "hooks", scripted=True)
    endpoint = await hooks.endpoint(event_types=("job.queued",))
    jobs = [await hooks.event() for _ in range(300)]
    await core.redis.config_set("maxmemory", "1mb")  # less than it uses: events keep the least
    await core.queue.trim_events()
    assert await core.redis.xlen(keys.LOG + TENANT) < 100
    await core.redis.config_set("maxmemory", "0")

    await hooks.dispatch()
    await hooks.work()

    sent = [json.loads(request.body)["data"]["job"]["id"] for request in hooks.sender.sent]
    assert sorted(sent) == sorted(job.id for job in jobs)
    assert len(await hooks.deliveries_to(endpoint)) == 300
    await hooks.close()


async def test_in_a_crowded_store_deliveries_that_succeeded_go_early_and_failed_ones_stay(
    own_valkey: FaultyValkey, core: Core, tmp_path: Path
) -> None:
    hooks = await Hooks.open(own_valkey.url, tmp_path / "hooks", scripted=True, virtual=True)
    endpoint = await hooks.endpoint(event_types=("job.queued",))
    await hooks.events(50)
    await hooks.work()
    hooks.sender.answers = failing()
    await hooks.events(1)
    for _ in range(96):
        await hooks.work()
        await hooks.pass_time(3_600_000)
    ended = [each.status for each in await hooks.deliveries_to(endpoint)]
    assert await hooks.queue.sweep() == 0
    assert [each.status for each in await hooks.deliveries_to(endpoint)] == ended

    await core.redis.config_set("maxmemory", "1mb")
    while await hooks.queue.sweep():
        pass

    assert Counter(ended) == {"succeeded": 50, "exhausted": 1}
    assert [each.status for each in await hooks.deliveries_to(endpoint)] == ["exhausted"]
    await hooks.close()


async def test_operators_are_warned_before_a_store_is_full(core: Core) -> None:
    readiness = Readiness(core.redis, core.settings, core.artifacts)
    metrics = Metrics()

    async def told() -> tuple[list[str], dict[str, int]]:
        details = (await readiness.report(is_draining=False)).details
        return [each for each in details["warnings"] if "nearly full" in each], details["store"]["memory"]

    warnings, memory = await told()
    assert warnings == []
    assert memory["max_bytes"] == 25 * MIB
    await core.redis.setrange("filler", 19 * MIB, b"x")
    warnings, memory = await told()
    metrics.stored(await readiness.store_memory())
    assert len(warnings) == 1
    assert memory["used_bytes"] > 20 * MIB
    assert "pressrun_store_memory_limit_bytes 2.62144e+07" in metrics.page().body.decode()
    with capture_logs() as logged:
        watch = MemoryWatch(core.redis)
        await watch.look()
        await watch.look()
    assert [entry["event"] for entry in logged] == ["store.nearly_full"]


async def test_what_leads_to_a_job_goes_with_it(core: Core) -> None:
    job = await core.submit(idempotency_key="k", content_digest="d")
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.start(claim)
    await core.queue.succeed(claim, replace(RESULT, reuse_key="same"), "acme/x.1")
    await core.store.delete("acme", job.id)
    assert [key for key in await core.redis.keys("*") if job.id.encode() in (await raw(core, key))] == []


async def raw(core: Core, key: bytes) -> bytes:
    """Returns the value of a string key, or nothing."""
    return await core.redis.get(key) or b"" if await core.redis.type(key) == b"string" else b""


async def test_events_trimmed_before_a_resting_reader_saw_them_are_a_gap(core: Core) -> None:
    """On a short bus, less than one read may be gone already."""
    seen: list[Event] = []
    gaps: list[int] = []
    tail = Tail(
        core.redis,
        on_event=seen.append,
        on_progress=lambda update: None,
        on_gap=lambda: gaps.append(len(seen)),
        followers=(followers := Followers()),
        rest_s=3_600,
    )
    tail.resting.watch()
    reading = asyncio.create_task(tail.run())
    await tail.ready.wait()
    first = await core.submit()
    await tail.resting.next()
    for _ in range(20):
        await core.submit()
    await core.redis.xtrim(keys.BUS, maxlen=10, approximate=False)

    followers.join("somebody")
    await eventually(lambda: gaps == [1])
    last = await core.submit()
    await eventually(lambda: len(seen) > 1)

    assert [event.job_id for event in seen] == [first.id, last.id]
    reading.cancel()
    await asyncio.wait([reading])
