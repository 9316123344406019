"""An outbox that nobody reads keeps everything, and is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.monitoring.readiness import OUTBOX_WARNING_SECONDS, Readiness
from jobs.core.settings import Settings
from jobs.store import keys
from jobs.store.artifacts.directory import DirectoryArtifacts
from jobs.webhooks.outbox import read_backlog
from testsupport.hooks import TENANT, Hooks


async def test_readiness_tells_how_much_waits_and_warns_when_it_waits_long(
    hooks: Hooks, tmp_path: Path
) -> None:
    readiness = Readiness(hooks.redis, Settings(), DirectoryArtifacts(tmp_path))

    async def report() -> tuple[dict[str, Any], list[str]]:
        details = (await readiness.report(is_draining=False)).details
        return details["webhooks"], [each for each in details["warnings"] if "webhooks" in each]

    assert await report() == ({"outbox": 0, "oldest_seconds": 0, "event_bytes": 0}, [])
    await hooks.endpoint()
    for _ in range(120):
        await hooks.event(metadata={"pad": "x" * 1000})
    waiting, warnings = await report()
    assert (waiting["outbox"], warnings) == (120, [])
    kept = [await hooks.redis.hstrlen(key, "body") for key in await hooks.redis.keys(keys.EVENT + "*")]
    assert waiting["event_bytes"] == pytest.approx(sum(kept), rel=0.05)

    seconds, _ = await hooks.redis.time()
    await hooks.redis.delete(keys.OUTBOX)
    old = (seconds - OUTBOX_WARNING_SECONDS - 5) * 1000
    await hooks.redis.xadd(keys.OUTBOX, {"t": TENANT, "s": 1}, id=f"{old}-0")
    _, (warning,) = await report()
    assert "is a notifier running" in warning


async def test_references_are_small_and_gone_once_they_are_dispatched(hooks: Hooks) -> None:
    await hooks.endpoint(event_types=("batch.*",))
    for _ in range(200):
        await hooks.event(metadata={"pad": "x" * 1000})
    assert (await read_backlog(hooks.redis)).references == 200
    assert await hooks.redis.memory_usage(keys.OUTBOX, samples=0) < 200 * 100
    await hooks.dispatch()
    assert await hooks.redis.keys(keys.EVENT + "*") == []


async def test_without_endpoints_nothing_is_written(hooks: Hooks) -> None:
    await hooks.event()
    assert (await read_backlog(hooks.redis)).references == 0
    assert await hooks.redis.keys(keys.EVENT + "*") == []
