from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from jobs.store.connection import DedicatedConnection
from jobs.store.pipelining import MAX_BATCH, Pipeliner

LINES = 2


class Lines:
    """The store's end of all lines: notes every batch, and answers when let go."""

    def __init__(self) -> None:
        self.sent: list[list[tuple[Any, ...]]] = []
        self.reached = asyncio.Event()
        self.answering = asyncio.Event()
        self.answering.set()

    async def ask(self, *commands: tuple[Any, ...]) -> list[Any]:
        self.sent.append(list(commands))
        self.reached.set()
        await self.answering.wait()
        return [ValueError("no") if command == ("BAD",) else command[0] for command in commands]


@pytest.fixture
def store() -> Lines:
    return Lines()


@pytest.fixture
def batcher(store: Lines) -> Pipeliner:
    return Pipeliner(*[cast(DedicatedConnection, store)] * LINES)


async def test_calls_made_at_the_same_time_share_a_batch_in_their_order(
    batcher: Pipeliner, store: Lines
) -> None:
    answers = await asyncio.gather(*(batcher.call(name) for name in ("A", "B", "C")))
    assert answers == ["A", "B", "C"]
    assert store.sent == [[("A",), ("B",), ("C",)]]


async def test_an_error_belongs_to_its_own_call(batcher: Pipeliner) -> None:
    good, bad = await asyncio.gather(batcher.call("GOOD"), batcher.call("BAD"), return_exceptions=True)
    assert good == "GOOD"
    assert isinstance(bad, ValueError)


async def test_what_gathers_while_batches_are_under_way_goes_with_the_next(
    batcher: Pipeliner, store: Lines
) -> None:
    store.answering.clear()
    calls = []
    for number in range(LINES + 3):
        calls.append(asyncio.create_task(batcher.call(number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert [len(batch) for batch in store.sent] == [1] * LINES
    store.answering.set()
    await asyncio.gather(*calls)
    assert [len(batch) for batch in store.sent] == [1] * LINES + [3]


async def test_a_batch_is_bounded(batcher: Pipeliner, store: Lines) -> None:
    await asyncio.gather(*(batcher.call(number) for number in range(MAX_BATCH + 1)))
    assert [len(batch) for batch in store.sent] == [MAX_BATCH, 1]
