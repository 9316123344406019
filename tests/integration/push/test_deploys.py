"""Clients near their tenant's limit of connections, while the process that serves them stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.core.settings import LOCAL_TENANT
from notifier.protocol.close_codes import CloseCode
from testsupport.balancer import Balancer
from testsupport.core import Core
from testsupport.node import NODE
from testsupport.notifier_process import NotifierProcess
from testsupport.valkey import FaultyValkey
from testsupport.waiting import DEADLINE_S, eventually
from testsupport.web_server import serving

CLIENTS, LIMIT = 15, 20
BACK_WITHIN_S = 5.0
PRESENCE = f"pr:presence:{LOCAL_TENANT}"


class Followers:
    """Clients that follow all jobs, in a process of their own, and what they have said."""

    def __init__(self, output: asyncio.StreamReader) -> None:
        self._output = output
        self.times_live = [0] * CLIENTS
        self.is_live = [False] * CLIENTS
        self.jobs: list[list[str]] = [[] for _ in range(CLIENTS)]
        self.close_codes: set[int | None] = set()
        self.errors: list[str] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, port: int) -> AsyncIterator[Followers]:
        script, url = Path(__file__).with_name("followers.mjs"), f"ws://127.0.0.1:{port}/v1/ws"
        process = await asyncio.create_subprocess_exec(
            NODE, script, url, str(CLIENTS), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        yield cls(process.stdout)
        process.kill()
        await process.wait()

    async def read_until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._hear(json.loads(await self._output.readline()))

    def _hear(self, said: dict[str, Any]) -> None:
        number = said["number"]
        if "job" in said:
            self.jobs[number].append(said["job"])
        elif "error" in said:
            self.errors.append(said["error"])
        else:
            self.is_live[number] = said["state"] == "live"
            self.times_live[number] += self.is_live[number]
            self.close_codes.add(said.get("closed"))

    async def all_live(self, times: int) -> None:
        """Returns when every client is connected for the `times`-th time at least."""
        await self.read_until(lambda: all(self.is_live) and min(self.times_live) >= times)

    async def all_get_an_event(self, core: Core) -> None:
        job = await core.submit(tenant=LOCAL_TENANT)
        await self.read_until(lambda: all(job.id in jobs for jobs in self.jobs))


@pytest.fixture
async def core(own_valkey: FaultyValkey, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(own_valkey.url, tmp_path, PRESSRUN_MAX_CONNECTIONS=str(LIMIT))
    yield core
    await core.redis.aclose()


@contextlib.asynccontextmanager
async def two_notifiers(core: Core, tmp_path: Path) -> AsyncIterator[tuple[NotifierProcess, NotifierProcess]]:
    settings = {
        "REDIS_URL": core.settings.redis_url,
        "PRESSRUN_DATA_DIR": str(tmp_path),
        "PRESSRUN_MAX_CONNECTIONS": str(LIMIT),
    }
    async with NotifierProcess(**settings) as first, NotifierProcess(**settings) as second:
        for notifier in (first, second):
            async with notifier.client():  # it listens
                pass
        yield first, second


async def test_when_a_notifier_is_replaced_all_clients_are_back_at_once(core: Core, tmp_path: Path) -> None:
    async with (
        two_notifiers(core, tmp_path) as (old, new),
        Balancer(old.port).running() as balancer,
        Followers.of(balancer.port) as followers,
    ):
        await followers.all_live(times=1)
        balancer.ports = [new.port]

        old.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(BACK_WITHIN_S):
            await followers.all_live(times=2)

        assert (await old.ended())[0] == 0
        await followers.all_get_an_event(core)
        assert CloseCode.TOO_MANY_CONNECTIONS not in followers.close_codes
        assert followers.errors == []


async def test_when_a_web_process_is_replaced_all_clients_are_back_at_once(core: Core) -> None:
    async with (
        serving(core.settings) as (old_port, old, _),
        serving(core.settings) as (new_port, _, _),
        Balancer(old_port).running() as balancer,
        Followers.of(balancer.port) as followers,
    ):
        await followers.all_live(times=1)
        balancer.ports = [new_port]

        old.should_exit = True
        async with asyncio.timeout(BACK_WITHIN_S):
            await followers.all_live(times=2)

        await followers.all_get_an_event(core)
        assert CloseCode.TOO_MANY_CONNECTIONS not in followers.close_codes
        assert followers.errors == []


async def has_share_of_all(core: Core) -> bool:
    shares = await core.redis.hvals(PRESENCE)
    return [int(share.split()[0]) for share in shares] == [CLIENTS]


async def test_when_a_notifier_is_killed_its_clients_wait_for_the_end_of_its_share(
    core: Core, tmp_path: Path
) -> None:
    async with (
        two_notifiers(core, tmp_path) as (killed, other),
        Balancer(killed.port).running() as balancer,
        Followers.of(balancer.port) as followers,
    ):
        await followers.all_live(times=1)
        await eventually(lambda: has_share_of_all(core))
        balancer.ports = [other.port]

        await killed.kill()
        await followers.read_until(lambda: CloseCode.TOO_MANY_CONNECTIONS in followers.close_codes)
        # What the end of the lease does, without the wait for it (see test_tenant_limits).
        await core.redis.delete(PRESENCE)
        await followers.all_live(times=2)

        await followers.all_get_an_event(core)
        assert followers.errors == []
