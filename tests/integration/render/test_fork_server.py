"""The fork server: what its children are, and what is true when one of the processes dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog

from jobs.core.errors.job import RendererCrashed
from jobs.render.parent.fork_server import ForkServer
from jobs.render.parent.pool import RendererNotStarted, RenderPool, RenderRequest
from jobs.render.parent.starting import Spawner
from jobs.render.protocol.limits import FetchLimits, RenderLimits
from testsupport import fork_servers
from testsupport.documents import NESTED_FLEX, SMALL
from testsupport.render_children import impostor, runs
from testsupport.waiting import eventually

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has what a fork server needs"),
    pytest.mark.asyncio,
]

LIMITS = RenderLimits(fetch=FetchLimits(mode="none"))
CRASH_POINTS = (
    "dies_before_it_is_ready",
    "dies_before_it_forks",
    "dies_between_two_forks",
    "dies_before_it_names_the_child",
    "child_dies_before_it_is_configured",
)


@asynccontextmanager
async def running(server: ForkServer, *, size: int = 1) -> AsyncIterator[RenderPool]:
    pool = RenderPool(size=size, limits=LIMITS, starter=server)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


def light(behaviour: str = "plain", folder: Path | None = None, **options: Any) -> ForkServer:
    return ForkServer(LIMITS, fork_servers.command(behaviour, folder), **options)


async def pdf(pool: RenderPool, document: str = SMALL, tenant: str = "acme") -> bytes:
    request = RenderRequest(format="html", document=document)
    return (await pool.render(request, tenant=tenant, timeout_ms=60_000, report=lambda _: None)).body


async def facts(pool: RenderPool, tenant: str = "acme") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await pdf(pool, tenant=tenant)).removeprefix(b"%PDF-"))
    return found


def own_children() -> set[int]:
    """All child processes of this process, zombies included."""
    found = set()
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has ended meanwhile
            found |= {int(pid) for pid in (thread / "children").read_text().split()}
    return found


class TestChildren:
    async def test_a_child_is_a_child_of_the_worker_in_its_own_directory(self) -> None:
        async with running(light()) as pool:
            found = await facts(pool)
            assert found["pid"] in pool.children
            assert found["parent"] == os.getpid()
            assert os.getpgid(found["pid"]) == os.getsid(found["pid"]) == found["pid"]
            assert "pressrun-render-" in found["directory"]

    async def test_no_two_children_have_the_same_random_numbers(self) -> None:
        async with running(light()) as pool:
            first, second = await facts(pool, "acme"), await facts(pool, "umbrella")
            assert first["pid"] != second["pid"]
            assert not set(first["random"]) & set(second["random"])

    async def test_a_forked_child_makes_the_same_bytes_as_one_that_is_a_program(self) -> None:
        async with running(ForkServer(LIMITS)) as pool:
            forked = await pdf(pool)
        pool = RenderPool(size=1, limits=LIMITS, starter=Spawner())
        await pool.start()
        assert await pdf(pool) == forked
        await pool.close()

    async def test_nothing_is_left_when_the_pool_is_closed(self) -> None:
        before, files = own_children(), len(os.listdir("/proc/self/fd"))
        for _ in range(2):
            async with running(light()) as pool:
                await facts(pool)
        assert own_children() == before
        assert len(os.listdir("/proc/self/fd")) <= files + 1  # the selector of the loop

    async def test_the_orphans_of_other_programs_do_not_become_children_of_the_worker(self) -> None:
        async with running(light()) as pool:
            await facts(pool)
            before = own_children()
            shell = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", "sleep 600 >/dev/null & echo $!", stdout=subprocess.PIPE
            )
            orphan = int((await shell.communicate())[0])
            assert runs(orphan)
            assert own_children() == before
            os.kill(orphan, signal.SIGKILL)


class TestThreads:
    async def test_threads_of_fonts_are_ended_before_anything_is_forked(self) -> None:
        async with running(light("threads_of_fonts")) as pool:
            assert (await facts(pool))["unloaded_fonts"]

    async def test_children_are_started_as_programs_if_a_thread_does_not_end(self) -> None:
        server = light("stubborn_thread", spawner=Spawner(impostor("import sys; sys.exit(7)")))
        with structlog.testing.capture_logs() as logs:
            async with running(server) as pool:
                with pytest.raises(RendererCrashed, match="exit code 7"):
                    await pdf(pool)
        (line,) = [line for line in logs if line["event"] == "fork_server.not_used"]
        assert "it has threads (" in line["reason"]

    async def test_a_fork_server_whose_children_are_not_adopted_is_not_used(self) -> None:
        server = light("names_a_process_of_another", spawner=Spawner(impostor("time.sleep(600)")))
        with structlog.testing.capture_logs() as logs:
            async with running(server) as pool:
                await eventually(lambda: server.pid is None)
                assert pool.free == 1
        (line,) = [line for line in logs if line["event"] == "fork_server.not_used"]
        assert "did not become a child of the worker" in line["reason"]


class TestDeath:
    @pytest.mark.parametrize("behaviour", CRASH_POINTS)
    async def test_whatever_dies_at_whatever_point_children_are_forked_again(
        self, behaviour: str, tmp_path: Path
    ) -> None:
        before = own_children()
        server = light(behaviour, tmp_path)
        with structlog.testing.capture_logs() as logs:
            async with running(server) as pool:
                assert (await facts(pool))["pid"] in pool.children
        assert [line["event"] for line in logs].count("renderer.not_started") >= 1
        assert (tmp_path / "happened").read_text() == "yes"
        assert own_children() == before, "no process is left, and each was waited for"

    async def test_a_fork_server_that_does_not_answer_is_killed(self, tmp_path: Path) -> None:
        before = own_children()
        server = light("stops_before_it_forks", tmp_path, fork_seconds=0.5)
        with structlog.testing.capture_logs() as logs:
            async with running(server) as pool:
                assert (await facts(pool))["pid"] in pool.children
        (line,) = [line for line in logs if line["event"] == "renderer.not_started"]
        assert "did not answer within 0.5 s" in line["error"]
        assert own_children() == before

    async def test_children_outlive_a_fork_server_and_it_is_started_again(self) -> None:
        server = light()
        async with running(server) as pool:
            first, killed = await facts(pool), server.pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            await eventually(lambda: server.pid not in (killed, None))
            assert (await facts(pool))["pid"] == first["pid"]
            os.kill(first["pid"], signal.SIGKILL)
            await eventually(lambda: first["pid"] not in pool.children)
            assert (await facts(pool))["pid"] != first["pid"]

    async def test_children_that_come_after_a_crash_have_another_layout_in_memory(self) -> None:
        server = light()
        async with running(server) as pool:
            first = server.pid
            os.kill((await facts(pool))["pid"], signal.SIGSEGV)
            await eventually(lambda: server.pid not in (first, None))
            assert (await facts(pool))["parent"] == os.getpid()

    async def test_a_render_goes_on_when_the_fork_server_dies(self) -> None:
        server = ForkServer(LIMITS)
        async with running(server) as pool:
            begun = asyncio.Event()
            request = RenderRequest(format="html", document=NESTED_FLEX)
            task = asyncio.create_task(
                pool.render(request, tenant="acme", timeout_ms=60_000, report=lambda _: begun.set())
            )
            await begun.wait()
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await eventually(lambda: server.pid is not None)
            (pid,) = [pid for pid, is_busy in pool.children.items() if is_busy]
            assert runs(pid)
            task.cancel()
            await asyncio.wait([task])

    async def test_a_fork_server_that_cannot_start_says_why(self) -> None:
        server = ForkServer(LIMITS, (sys.executable, "-c", "raise SystemExit(3)"))
        with pytest.raises(
            RendererNotStarted, match="The fork server of render children ended with exit code 3"
        ):
            await RenderPool(size=1, limits=LIMITS, starter=server).start()

    async def test_a_start_that_is_given_up_leaves_no_process(self) -> None:
        before = own_children()
        server = ForkServer(LIMITS, (sys.executable, "-c", "import signal; signal.pause()"))
        starting = asyncio.create_task(RenderPool(size=2, limits=LIMITS, starter=server).start())
        await eventually(lambda: own_children() != before)
        starting.cancel()
        await asyncio.wait([starting])
        assert starting.cancelled()
        assert own_children() == before

    async def test_fork_server_and_children_die_with_a_killed_worker(self, tmp_path: Path) -> None:
        worker = subprocess.Popen(  # noqa: ASYNC220 (it starts at once)
            [sys.executable, "-c", WORKER, str(tmp_path)], stderr=subprocess.PIPE, text=True
        )
        assert worker.stderr is not None
        pids = json.loads(await asyncio.to_thread(worker.stderr.readline))
        assert len(pids) == 3
        worker.kill()
        worker.wait()
        worker.stderr.close()
        await eventually(lambda: not any(runs(pid) for pid in pids))


WORKER = """
import asyncio, json, sys, tempfile
tempfile.tempdir = sys.argv[1]
from jobs.render.parent.fork_server import ForkServer
from jobs.render.parent.pool import RenderPool
from jobs.render.protocol.limits import RenderLimits
from testsupport import fork_servers
async def main():
    server = ForkServer(RenderLimits(), fork_servers.command())
    await (pool := RenderPool(size=1, starter=server)).start()
    print(json.dumps([server.pid, *pool.children]), file=sys.stderr, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


class TestTenants:
    async def test_no_child_gets_documents_of_two_tenants(self) -> None:
        async with running(light(), size=2) as pool:
            tenants = [f"tenant {number % 3}" for number in range(30)]
            found = await asyncio.gather(*(facts(pool, tenant) for tenant in tenants))
        served: dict[int, set[str]] = {}
        for tenant, each in zip(tenants, found, strict=True):
            served.setdefault(each["pid"], set()).add(tenant)
        assert [pid for pid, tenants_of_child in served.items() if len(tenants_of_child) > 1] == []

    async def test_a_tenant_gets_the_child_that_it_has_used_last(self) -> None:
        async with running(light()) as pool:
            pids = {(await facts(pool))["pid"] for _ in range(5)}
            assert len(pids) == 1

    async def test_the_children_of_many_tenants_are_bounded_and_the_oldest_goes_first(self) -> None:
        async with running(light()) as pool:
            pids = [(await facts(pool, f"tenant {number}"))["pid"] for number in range(8)]
            assert not set(pids[:4]) & pool.children.keys()
            assert (await facts(pool, "tenant 4"))["pid"] == pids[4]
            assert (await facts(pool, "tenant 7"))["pid"] == pids[7]
            assert (await facts(pool, "tenant 0"))["pid"] not in pids

    async def test_idle_children_that_hold_much_memory_are_fewer(self) -> None:
        pool = RenderPool(size=1, limits=LIMITS, starter=light(), kept_bytes_per_slot=1)
        await pool.start()
        pids = [(await facts(pool, f"tenant {number}"))["pid"] for number in range(3)]
        assert not set(pids[:2]) & pool.children.keys()
        assert (await facts(pool, "tenant 2"))["pid"] == pids[2]
        await pool.close()
