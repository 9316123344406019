from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from jobs.batcher import MAX_BATCH, MAX_UNDER_WAY, Batcher


class Pipelines:
    """The store's end: notes every pipeline, and answers when let go."""

    def __init__(self) -> None:
        self.sent: list[list[tuple[Any, ...]]] = []
        self.reached = asyncio.Event()
        self.answering = asyncio.Event()
        self.answering.set()

    def pipeline(self, *, transaction: bool) -> Pipeline:
        assert not transaction
        return Pipeline(self)


class Pipeline:
    def __init__(self, store: Pipelines) -> None:
        self._store = store
        self._commands: list[tuple[Any, ...]] = []

    def execute_command(self, *command: Any) -> None:
        self._commands.append(command)

    async def execute(self, *, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error
        self._store.sent.append(self._commands)
        self._store.reached.set()
        await self._store.answering.wait()
        return [ValueError("no") if command == ("BAD",) else command[0] for command in self._commands]


@pytest.fixture
def store() -> Pipelines:
    return Pipelines()


@pytest.fixture
def batcher(store: Pipelines) -> Batcher:
    return Batcher(cast(Redis, store))


async def test_calls_made_at_the_same_time_share_a_pipeline_in_their_order(
    batcher: Batcher, store: Pipelines
) -> None:
    answers = await asyncio.gather(*(batcher.call(name) for name in ("A", "B", "C")))
    assert answers == ["A", "B", "C"]
    assert store.sent == [[("A",), ("B",), ("C",)]]


async def test_an_error_belongs_to_its_own_call(batcher: Batcher) -> None:
    good, bad = await asyncio.gather(batcher.call("GOOD"), batcher.call("BAD"), return_exceptions=True)
    assert good == "GOOD"
    assert isinstance(bad, ValueError)


async def test_what_gathers_while_pipelines_are_under_way_goes_with_the_next(
    batcher: Batcher, store: Pipelines
) -> None:
    store.answering.clear()
    calls = []
    for number in range(MAX_UNDER_WAY + 3):
        calls.append(asyncio.create_task(batcher.call(number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert [len(pipeline) for pipeline in store.sent] == [1] * MAX_UNDER_WAY
    store.answering.set()
    await asyncio.gather(*calls)
    assert [len(pipeline) for pipeline in store.sent] == [1] * MAX_UNDER_WAY + [3]


async def test_a_pipeline_is_bounded(batcher: Batcher, store: Pipelines) -> None:
    await asyncio.gather(*(batcher.call(number) for number in range(MAX_BATCH + 1)))
    assert [len(pipeline) for pipeline in store.sent] == [MAX_BATCH, 1]


async def test_a_patient_call_goes_with_the_next_urgent_one_and_before_it(
    batcher: Batcher, store: Pipelines
) -> None:
    patient = asyncio.create_task(batcher.call("PATIENT", patient=True))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert store.sent == []
    assert await batcher.call("URGENT") == "URGENT"
    assert await patient == "PATIENT"
    assert store.sent == [[("PATIENT",), ("URGENT",)]]


async def test_a_patient_call_with_an_urgent_one_waiting_goes_at_once(
    batcher: Batcher, store: Pipelines
) -> None:
    await asyncio.gather(batcher.call("URGENT"), batcher.call("PATIENT", patient=True))
    assert store.sent == [[("URGENT",), ("PATIENT",)]]


async def test_a_patient_call_is_sent_by_itself_in_the_end(batcher: Batcher, store: Pipelines) -> None:
    assert await batcher.call("PATIENT", patient=True) == "PATIENT"
    assert store.sent == [[("PATIENT",)]]


async def test_an_answer_does_not_send_patient_calls_early(batcher: Batcher, store: Pipelines) -> None:
    store.answering.clear()
    urgent = asyncio.create_task(batcher.call("URGENT"))
    await store.reached.wait()
    patient = asyncio.create_task(batcher.call("PATIENT", patient=True))
    await asyncio.sleep(0)
    store.answering.set()
    await urgent
    await asyncio.sleep(0)
    assert len(store.sent) == 1
    assert await patient == "PATIENT"


async def test_a_patient_call_does_not_hold_up_an_urgent_one_that_waits_its_turn(
    batcher: Batcher, store: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.batcher.PATIENCE_S", 3600)
    store.answering.clear()
    calls = []
    for number in range(MAX_UNDER_WAY):
        store.reached.clear()
        calls.append(asyncio.create_task(batcher.call(number)))
        await store.reached.wait()
    calls.append(asyncio.create_task(batcher.call("URGENT")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    calls.append(asyncio.create_task(batcher.call("PATIENT", patient=True)))
    await asyncio.sleep(0)
    store.answering.set()
    async with asyncio.timeout(5):
        await asyncio.gather(*calls)
    assert store.sent[MAX_UNDER_WAY:] == [[("URGENT",), ("PATIENT",)]]
