"""Code that runs in the place of a child process reaches nothing.

The children are the real ones, except that they do what the test says instead of their work
(`testsupport.attacker`). The same attempts without isolation show that they can succeed.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio

from jobs.checks.checker import Checker
from jobs.core.errors.job import RendererCrashed, RenderFailed
from jobs.core.settings import IsolationMode
from jobs.isolation.level import offered
from jobs.render.parent.asset_fetcher import AssetFetcher
from jobs.render.parent.fork_server import ForkServer
from jobs.render.parent.pool import RenderPool, RenderRequest
from jobs.render.protocol.assets import FetchAnswer
from jobs.render.protocol.limits import MIB, FetchLimits, RenderLimits
from testsupport import fork_servers
from testsupport.attacks import ATTEMPTS, NEEDS_MORE, NETWORK, VICTIMS_SECRET, Targets
from testsupport.waiting import eventually

pytestmark = [
    pytest.mark.skipif(offered().level != "full", reason=f"the isolation here is {offered()}"),
    pytest.mark.asyncio(loop_scope="module"),
]

PATIENCE_SECONDS = 60
NEED_A_CHANNEL = {"send_an_open_file_to_the_parent"}
"""Attempts on the connection of a render child."""
VICTIM = f"""
import ctypes, sys
secret = ctypes.create_string_buffer({VICTIMS_SECRET!r})
print(ctypes.addressof(secret), flush=True)
sys.stdin.read()
"""


def attacker(part: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "testsupport.attacker", part)


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Targets]:
    folder = tmp_path_factory.mktemp("targets")
    (folder / "private").mkdir()
    secret = folder / "private" / "secret_key"
    secret.write_text("the key of all webhooks")
    victim_file = folder / "result.pdf"
    victim_file.write_text("victim")
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        unix, abstract = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        for listener, name in ((unix, str(folder / "store")), (abstract, f"\0pressrun-{os.getpid()}")):
            listener.bind(name)
            listener.listen()
        victim = stack.enter_context(
            subprocess.Popen([sys.executable, "-c", VICTIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )
        assert victim.stdout is not None
        yield Targets(
            parent_pid=os.getpid(),
            victim_pid=victim.pid,
            victim_address=int(victim.stdout.readline()),
            secret=str(secret),
            victim=str(victim_file),
            tcp_port=tcp.getsockname()[1],
            udp_port=udp.getsockname()[1],
            unix_path=str(folder / "store"),
            abstract_name=f"pressrun-{os.getpid()}",
        )
        victim.kill()


def order(targets: Targets, attempts: Iterable[str]) -> str:
    return json.dumps({"targets": asdict(targets), "attempts": list(attempts)})


async def started(isolation: IsolationMode, limits: RenderLimits | None = None) -> RenderPool:
    limits = limits or RenderLimits(isolation=isolation, fetch=FetchLimits(mode="none"))
    pool = RenderPool(size=1, limits=limits, starter=ForkServer(limits, attacker("render")))
    await pool.start()
    return pool


async def render(pool: RenderPool, text: str) -> bytes:
    request = RenderRequest(format="html", document=text)
    outcome = await pool.render(request, tenant="acme", timeout_ms=60_000, report=lambda _: None)
    return outcome.body.removeprefix(b"%PDF-")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool() -> AsyncIterator[RenderPool]:
    pool = await started("required")
    yield pool
    await pool.close()


def gained(outcomes: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in outcomes.items() if not text.startswith("refused: ")}


async def test_a_render_child_gains_nothing_by_any_attempt(pool: RenderPool, targets: Targets) -> None:
    outcomes = json.loads(await render(pool, order(targets, ATTEMPTS)))
    assert outcomes.keys() == ATTEMPTS.keys()
    assert gained(outcomes) == {}


async def test_a_render_child_gains_nothing_from_the_fork_server_that_made_it(targets: Targets) -> None:
    limits = RenderLimits(isolation="required", fetch=FetchLimits(mode="none"))
    server = ForkServer(limits, attacker("render"))
    pool = RenderPool(size=1, limits=limits, starter=server)
    await pool.start()
    assert server.pid is not None
    targets = replace(targets, parent_pid=server.pid, victim_pid=server.pid)
    outcomes = json.loads(await render(pool, order(targets, ATTEMPTS)))
    await pool.close()
    assert gained(outcomes) == {}


@pytest.mark.parametrize("isolation", ["required", "off"])
async def test_a_fork_server_reaches_no_files_programs_and_network(
    isolation: IsolationMode, targets: Targets, tmp_path: Path
) -> None:
    (tmp_path / "targets").write_text(json.dumps(asdict(targets)))
    limits = RenderLimits(isolation=isolation, fetch=FetchLimits(mode="none"))
    command = fork_servers.command("attacks_before_it_forks", tmp_path)
    pool = RenderPool(size=1, limits=limits, starter=ForkServer(limits, command))
    await pool.start()
    found = json.loads(await render(pool, ""))["gained_by_fork_server"]
    await pool.close()
    assert (tmp_path / "happened").read_text() == "yes"
    if isolation == "required":
        assert found == {}
    else:
        assert {*NETWORK, *fork_servers.NOT_FOR_FORK_SERVERS} - found.keys() <= NEEDS_MORE | NEED_A_CHANNEL


async def test_without_isolation_the_same_attempts_succeed(targets: Targets) -> None:
    pool = await started("off")
    outcomes = json.loads(await render(pool, order(targets, ATTEMPTS)))
    await pool.close()
    assert ATTEMPTS.keys() - gained(outcomes).keys() <= NEEDS_MORE
    assert VICTIMS_SECRET.decode() in outcomes["read_another_process_by_a_call"]


async def test_a_check_child_gains_nothing_by_any_attempt(targets: Targets) -> None:
    checker = Checker(child_command=attacker("check"))
    flaws = await checker.html("acme", order(targets, ATTEMPTS), "/html")
    await checker.close()
    outcomes = {flaw["pointer"]: flaw["message"] for flaw in flaws}
    assert outcomes.keys() == ATTEMPTS.keys()
    assert gained(outcomes) == {}


async def test_the_fetch_process_gains_nothing_but_the_network(targets: Targets) -> None:
    attempts = ATTEMPTS.keys() - NETWORK
    answers: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def deliver(answer: FetchAnswer, body: bytes) -> None:
        answers.set_result(body)

    fetcher = AssetFetcher(FetchLimits(), attacker("fetch"))
    document = fetcher.open()
    fetcher.fetch(document, quote(order(targets, attempts)), deliver)
    async with asyncio.timeout(PATIENCE_SECONDS):
        outcomes = json.loads(await answers)
    fetcher.end(document)
    await fetcher.close()
    assert outcomes.keys() == attempts
    assert gained(outcomes) == {}


@pytest.mark.parametrize("behaviour", ["fill_the_disk", "make_many_files"])
async def test_a_child_that_fills_the_disk_is_killed_and_its_files_are_removed(
    behaviour: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    limits = RenderLimits(scratch_bytes=20 * MIB, fetch=FetchLimits(mode="none"))
    pool = await started("required", limits)
    with pytest.raises(RenderFailed, match="more than 20 MiB of temporary files"):
        await render(pool, json.dumps({"behaviour": behaviour}))
    await pool.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_child_that_starts_ten_thousand_threads_is_killed(pool: RenderPool) -> None:
    with pytest.raises(RenderFailed, match="threads"):
        await render(pool, json.dumps({"behaviour": "start_threads"}))


async def test_a_child_that_uses_too_much_when_it_is_idle_is_killed() -> None:
    pool = await started("required")
    answer = await render(pool, json.dumps({"behaviour": "start_threads_on_a_signal"}))
    pid = int(json.loads(answer)["pid"])
    os.kill(pid, signal.SIGUSR1)
    await eventually(lambda: pid not in pool.children)
    await pool.close()


@pytest.mark.skipif(
    platform.machine() != "x86_64", reason="its 32-bit calls are those of another architecture"
)
async def test_a_call_of_another_architecture_ends_the_child(pool: RenderPool) -> None:
    with pytest.raises(RendererCrashed, match="SIGSYS"):
        await render(pool, json.dumps({"behaviour": "make_a_call_of_another_architecture"}))


async def test_a_child_has_no_files_open_but_its_own(pool: RenderPool) -> None:
    await eventually(lambda: len(pool.children) > 0)
    for pid in pool.children:
        kinds = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
        own = ("/dev/null", "socket:", f"/proc/{pid}/")
        assert [kind for kind in kinds if not kind.startswith(own)] == []
        assert sum(kind.startswith("socket:") for kind in kinds) == 1
