"""The clock of a real server is set back by an hour, not only that of the scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.webhooks.outbox import LOOKS_AHEAD
from testsupport.core import Core, now_ms
from testsupport.event_watcher import Watcher
from testsupport.hooks import Hooks
from testsupport.runners import instant
from testsupport.valkey import ClockedValkey, faketime_library
from testsupport.waiting import eventually

LIBRARY = faketime_library()
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed")


@pytest.fixture
def clocked_valkey(tmp_path: Path) -> Iterator[ClockedValkey]:
    assert LIBRARY is not None
    server = ClockedValkey(tmp_path / "valkey", LIBRARY)
    server.start()
    yield server
    server.stop()


async def set_back(server: ClockedValkey, core: Core) -> None:
    """Returns when the clock is an hour behind what it was."""
    before_ms = await now_ms(core.redis)
    server.set_clock(-3600)

    async def is_back() -> bool:
        return await now_ms(core.redis) < before_ms

    await eventually(is_back)


@pytest.fixture
async def core(clocked_valkey: ClockedValkey, tmp_path: Path) -> Core:
    return Core.open(clocked_valkey.url, tmp_path)


async def test_the_job_of_a_dead_worker_runs_again(core: Core, clocked_valkey: ClockedValkey) -> None:
    job = await core.submit()
    (claim,) = (await core.queue.claim(1)).claims
    await core.queue.start(claim)
    await set_back(clocked_valkey, core)
    async with Watcher.following(core.redis) as watcher, core.worker({"test": instant}):
        assert (await watcher.terminal(job.id)).type == "job.succeeded"
    await core.redis.aclose()


async def test_an_event_that_a_dead_notifier_had_read_is_delivered(
    core: Core, clocked_valkey: ClockedValkey, tmp_path: Path
) -> None:
    dead = await Hooks.open(clocked_valkey.url, tmp_path, scripted=True)
    alive = await Hooks.open(clocked_valkey.url, tmp_path, scripted=True)
    await dead.endpoint()
    await dead.event()
    assert len(await dead.outbox.read()) == 1
    await set_back(clocked_valkey, core)

    for _ in range(LOOKS_AHEAD - 1):
        assert await alive.dispatcher.dispatch_abandoned() == 0
    assert await alive.dispatcher.dispatch_abandoned() == 1
    await alive.work()
    assert len(alive.sender.sent) == 1
    for hooks in (dead, alive):
        await hooks.close()
    await core.redis.aclose()
