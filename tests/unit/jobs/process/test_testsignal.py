"""Unit tests of `jobs.process.testsignal`."""

from __future__ import annotations

import asyncio

import pytest

from jobs.process.testsignal import TestSignal


def test_emitting_without_a_watcher_keeps_nothing() -> None:
    signal: TestSignal[int] = TestSignal()
    signal.emit(1)
    signal.watch()
    assert signal.emitted() == []


async def test_values_are_returned_in_order_and_once() -> None:
    signal: TestSignal[str] = TestSignal()
    signal.watch()
    signal.emit("first")
    signal.emit("second")
    assert await signal.next() == "first"
    assert signal.emitted() == ["second"]
    assert signal.emitted() == []


async def test_next_waits_for_a_value() -> None:
    signal: TestSignal[int] = TestSignal()
    signal.watch()
    waiting = asyncio.create_task(signal.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    signal.emit(7)
    assert await waiting == 7


async def test_next_gives_up_after_its_timeout() -> None:
    signal: TestSignal[int] = TestSignal()
    signal.watch()
    with pytest.raises(TimeoutError):
        await signal.next(timeout_s=0.01)


async def test_next_without_watch_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="watch"):
        await TestSignal[int]().next()
