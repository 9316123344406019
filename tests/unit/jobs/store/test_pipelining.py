from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from jobs.store.connection import DedicatedConnection
from jobs.store.pipelining import MAX_BATCH, Pipeliner

CONNECTIONS = 2


class FakeConnections:
    """Stands for all connections. Keeps every batch, and answers while `answering` is set."""

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
def store() -> FakeConnections:
    return FakeConnections()


@pytest.fixture
def pipeliner(store: FakeConnections) -> Pipeliner:
    return Pipeliner(*[cast(DedicatedConnection, store)] * CONNECTIONS)


async def test_calls_made_at_the_same_time_share_a_batch_in_their_order(
    pipeliner: Pipeliner, store: FakeConnections
) -> None:
    answers = await asyncio.gather(*(pipeliner.call(name) for name in ("A", "B", "C")))
    assert answers == ["A", "B", "C"]
    assert store.sent == [[("A",), ("B",), ("C",)]]


async def test_an_error_belongs_to_its_own_call(pipeliner: Pipeliner) -> None:
    good, bad = await asyncio.gather(pipeliner.call("GOOD"), pipeliner.call("BAD"), return_exceptions=True)
    assert good == "GOOD"
    assert isinstance(bad, ValueError)


async def test_calls_made_while_batches_are_in_flight_share_the_next_batch(
    pipeliner: Pipeliner, store: FakeConnections
) -> None:
    store.answering.clear()
    calls = []
    for number in range(CONNECTIONS + 3):
        calls.append(asyncio.create_task(pipeliner.call(number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert [len(batch) for batch in store.sent] == [1] * CONNECTIONS
    store.answering.set()
    await asyncio.gather(*calls)
    assert [len(batch) for batch in store.sent] == [1] * CONNECTIONS + [3]


async def test_the_size_of_a_batch_is_limited(pipeliner: Pipeliner, store: FakeConnections) -> None:
    await asyncio.gather(*(pipeliner.call(number) for number in range(MAX_BATCH + 1)))
    assert [len(batch) for batch in store.sent] == [MAX_BATCH, 1]
