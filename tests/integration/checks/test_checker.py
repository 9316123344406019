"""Checks that take too long are killed, and no check affects the next one or another tenant."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import brotli
import pytest

from jobs.checks.checker import CHILD_COMMAND, Checker
from jobs.core.errors.request import CheckUnavailable, InvalidInput
from testsupport.own_font import own_font, packed

PATIENCE_SECONDS = 60


def doubling(levels: int) -> dict[str, Any]:
    """A schema that is evaluated twice on each level: 2⁶⁰ times for 60 levels."""
    definitions: dict[str, Any] = {
        f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}, {"$ref": f"#/$defs/d{level + 1}"}]}
        for level in range(levels)
    }
    return {"$defs": {**definitions, f"d{levels}": {"type": "object"}}, "$ref": "#/$defs/d0"}


@pytest.fixture
async def checker() -> AsyncIterator[Checker]:
    checker = Checker(cpu_seconds=0.5)
    yield checker
    await checker.close()


async def pid_of_child(checker: Checker, tenant: str = "acme") -> int:
    """Returns the id of the process that runs the tenant's checks; starts it if there is none."""
    checker.check_sent.watch()
    await checker.schema(tenant, {}, "/schema")
    *_, pid = checker.check_sent.emitted()  # a check that finds its child dead is sent twice
    return pid


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_checks_find_flaws_or_none(checker: Checker) -> None:
    assert await checker.html("acme", "{{ x }}", "/html") == []
    assert [flaw["pointer"] for flaw in await checker.html("acme", "{{ x", "/html")] == ["/html"]
    assert await checker.schema("acme", {"type": "object"}, "/schema") == []
    assert [flaw["pointer"] for flaw in await checker.schema("acme", {"type": 1}, "/schema")] == [
        "/schema/type"
    ]
    schema = {"properties": {"ü": {"type": "integer"}}}
    assert await checker.data("acme", schema, {"ü": 1}, "/data") == []
    assert [flaw["pointer"] for flaw in await checker.data("acme", schema, {"ü": "1"}, "/data")] == [
        "/data/ü"
    ]


async def test_a_schema_that_takes_exponential_time_fails_only_its_own_check(checker: Checker) -> None:
    assert await checker.schema("acme", doubling(60), "/schema") == []
    first = await pid_of_child(checker)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    (flaw,) = await checker.data("acme", doubling(60), {}, "/input/data")
    ticking.cancel()
    assert flaw["pointer"] == "/input/data"
    assert "takes too long" in flaw["message"]
    assert ticks > 5, "the event loop went on meanwhile"
    assert is_gone(first)
    assert await checker.data("acme", {}, {}, "/input/data") == []
    assert await pid_of_child(checker) != first


async def test_data_with_too_many_flaws_to_list_is_refused(checker: Checker) -> None:
    schema = {"properties": {"a": {"items": {"type": "integer"}}}}
    (flaw,) = await checker.data("acme", schema, {"a": ["x"] * 400_000}, "/input/data")
    assert "too many flaws to list" in flaw["message"]


async def test_a_source_that_takes_long_to_compile_is_refused(checker: Checker) -> None:
    (flaw,) = await checker.html("acme", "{{ 'a'" + "~'a'" * 100_000 + " }}", "/html")
    assert flaw == {"pointer": "/html", "message": "it is too large or too deeply nested to be compiled"}


async def test_a_font_is_read_unpacked_or_refused_with_the_reason(checker: Checker) -> None:
    font = own_font(500, "Acme")
    checked = await checker.font("acme", packed(font, "woff2"))
    assert (checked.facts.families, checked.facts.format) == (["Acme"], "woff2")
    assert (await checker.font("acme", checked.content)).content == checked.content
    with pytest.raises(InvalidInput, match=r"The font cannot be used: its licence forbids"):
        await checker.font("acme", own_font(500, fs_type=2))
    for flaw in (b"", b"<html>", font[: len(font) // 2]):
        with pytest.raises(InvalidInput, match=r"^The font cannot be used: it is "):
            await checker.font("acme", flaw)
    assert await checker.html("acme", "{{ x }}", "/html") == [], "the child goes on"


def bomb(flavor: bytes, unpacked: int) -> bytes:
    """A font with one table that is much larger when it is unpacked."""
    zeros, tag = bytes(unpacked), b"glyf"
    if flavor == b"wOFF":
        table = zlib.compress(zeros, 9)
        entry = struct.pack(">4s4L", tag, 64, len(table), unpacked, 0)
        length = 44 + len(entry) + len(table)
        head = struct.pack(">4s4sLHHLHH5L", flavor, b"\0\1\0\0", length, 1, 0, unpacked, 1, 0, *[0] * 5)
        return head + entry + table
    table = brotli.compress(zeros, quality=1)
    size = b"".join(bytes([unpacked >> shift & 127 | (128 if shift else 0)]) for shift in (28, 21, 14, 7, 0))
    entry = b"\xca" + size.lstrip(b"\x80")  # glyf without a transformation
    length = 48 + len(entry) + len(table)
    head = struct.pack(
        ">4s4sLHHLLHH5L", flavor, b"\0\1\0\0", length, 1, 0, unpacked, len(table), 1, 0, *[0] * 5
    )
    return head + entry + table


@pytest.mark.parametrize("flavor", [b"wOFF", b"wOF2"])
async def test_a_font_that_becomes_huge_when_it_is_unpacked_is_refused(
    checker: Checker, flavor: bytes
) -> None:
    font = bomb(flavor, 2**29)
    assert len(font) < 2 * 2**20
    with pytest.raises(InvalidInput, match="too much memory"):
        await checker.font("acme", font)
    with pytest.raises(InvalidInput, match="unpacked it has"):
        await checker.font("acme", bomb(flavor, 40 * 2**20))


async def test_a_child_that_dies_between_two_checks_is_replaced(checker: Checker) -> None:
    os.kill(await pid_of_child(checker), signal.SIGKILL)
    assert await checker.schema("acme", {"type": "object"}, "/schema") == []


async def test_a_cancelled_check_does_not_leave_its_answer_to_the_next_check(checker: Checker) -> None:
    checker.check_sent.watch()
    cancelled = asyncio.create_task(checker.html("acme", "{{ 'a'" + "~'a'" * 100_000 + " }}", "/html"))
    await checker.check_sent.next()
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert [flaw["pointer"] for flaw in await checker.schema("acme", {"type": 1}, "/s")] == ["/s/type"]


async def test_a_tenant_waits_for_at_most_one_check_of_another_tenant(checker: Checker) -> None:
    order: list[str] = []

    async def check(tenant: str) -> None:
        await checker.data(tenant, doubling(60) if tenant == "acme" else {}, {}, "/data")
        order.append(tenant)

    checker.check_sent.watch()
    hostile = [asyncio.create_task(check("acme")) for _ in range(4)]
    await checker.check_sent.next()
    await check("globex")
    assert order.count("acme") <= 1
    for task in hostile:
        task.cancel()
    await asyncio.wait(hostile)


async def test_a_slow_check_of_one_tenant_does_not_delay_another_tenant() -> None:
    checker = Checker(cpu_seconds=PATIENCE_SECONDS)
    checker.check_sent.watch()
    slow = asyncio.create_task(checker.data("acme", doubling(60), {}, "/data"))
    await checker.check_sent.next()
    assert await checker.schema("globex", {"type": "object"}, "/schema") == []
    assert not slow.done()
    slow.cancel()
    await asyncio.wait([slow])
    await checker.close()


async def test_when_too_many_checks_run_the_oldest_gives_way_to_those_who_wait() -> None:
    checker = Checker(cpu_seconds=PATIENCE_SECONDS, max_checks=2)
    checker.check_sent.watch()
    slow = []
    for number in range(2):
        slow.append(asyncio.create_task(checker.data(f"acme-{number}", doubling(60), {}, "/data")))
        await checker.check_sent.next()
    assert await checker.schema("globex", {"type": "object"}, "/schema") == []
    assert [task.done() for task in slow] == [True, False]
    with pytest.raises(CheckUnavailable, match="Send it again in a moment"):
        await slow[0]
    slow[1].cancel()
    await asyncio.wait(slow)
    await checker.close()


async def test_a_tenant_keeps_its_child_and_never_gets_that_of_another_tenant(checker: Checker) -> None:
    tenants = ["acme", "globex", "initech"]
    children = {tenant: await pid_of_child(checker, tenant) for tenant in tenants}
    assert len(set(children.values())) == len(tenants)
    assert {tenant: await pid_of_child(checker, tenant) for tenant in tenants} == children


async def test_a_tenant_without_a_child_gets_one_that_is_ready(checker: Checker) -> None:
    checker.child_started.watch()
    await pid_of_child(checker, "acme")
    _, spare = [await checker.child_started.next(), await checker.child_started.next()]
    assert await pid_of_child(checker, "globex") == spare
    assert await checker.child_started.next() != spare, "the next one starts"


async def test_the_child_that_was_used_longest_ago_is_ended_if_there_are_too_many() -> None:
    checker = Checker(max_checks=2, max_children=2)
    acme, globex = await pid_of_child(checker, "acme"), await pid_of_child(checker, "globex")
    assert await pid_of_child(checker, "acme") == acme
    initech = await pid_of_child(checker, "initech")
    assert [is_gone(pid) for pid in (acme, globex, initech)] == [False, True, False]
    assert await pid_of_child(checker, "acme") == acme
    assert await pid_of_child(checker, "globex") not in (globex, initech)
    assert is_gone(initech)
    await checker.close()


async def test_a_child_that_has_grown_is_not_kept() -> None:
    checker = Checker(max_idle_bytes=1)
    first = await pid_of_child(checker)
    assert is_gone(first)
    assert await pid_of_child(checker) != first
    await checker.close()


async def test_a_check_whose_child_is_killed_runs_again_in_a_new_child() -> None:
    checker = Checker(cpu_seconds=PATIENCE_SECONDS)
    other = await pid_of_child(checker, "globex")
    checker.check_sent.watch()
    slow = asyncio.create_task(checker.data("acme", doubling(60), {}, "/data"))
    first = await checker.check_sent.next()
    os.kill(first, signal.SIGKILL)
    assert await checker.check_sent.next() not in (first, other)
    slow.cancel()
    await asyncio.wait([slow])
    await checker.close()


async def test_no_check_fails_when_all_children_are_killed_while_idle(checker: Checker) -> None:
    checker.child_started.watch()
    await pid_of_child(checker, "acme")
    for pid in [await checker.child_started.next(), await checker.child_started.next()]:
        os.kill(pid, signal.SIGKILL)
    assert await checker.html("globex", "x", "/html") == []
    assert await checker.html("acme", "x", "/html") == []


async def test_no_child_is_left_whenever_checks_are_cancelled(tmp_path: Path) -> None:
    started = tmp_path / "started"
    command = f"echo $$ >> {started}; exec {' '.join(CHILD_COMMAND)}"
    checker = Checker(child_command=("/bin/sh", "-c", command))
    await pid_of_child(checker, "acme")
    waiting = [asyncio.create_task(checker.html(f"tenant-{number}", "x", "/html")) for number in range(3)]
    await asyncio.sleep(0)  # one has the child that is starting, the others start theirs
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    await pid_of_child(checker, "globex")
    await checker.close()
    pids = [int(line) for line in started.read_text().split()]
    assert len(pids) >= 2
    assert [pid for pid in pids if not is_gone(pid)] == []


async def test_a_child_that_does_not_start_is_not_reported_as_a_flaw_of_the_template(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    fails_once = f"test -e {starts} && exec {' '.join(CHILD_COMMAND)}; touch {starts}; exit 1"
    checker = Checker(child_command=("/bin/sh", "-c", fails_once))
    with pytest.raises(CheckUnavailable):
        await checker.html("acme", "x", "/html")
    assert await checker.html("acme", "x", "/html") == []
    await checker.close()


async def test_the_child_has_no_secrets_and_ends_when_it_is_closed(
    checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSRUN_SECRET_KEY", "s" * 32)
    pid = await pid_of_child(checker)
    environ = Path(f"/proc/{pid}/environ")
    if environ.exists():
        assert b"PRESSRUN" not in environ.read_bytes()
    await checker.close()
    assert is_gone(pid)
