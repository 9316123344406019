from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from jobs.batcher import MAX_BATCH, Batcher
from jobs.line import Line

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
def batcher(store: Lines) -> Batcher:
    return Batcher(*[cast(Line, store)] * LINES)


async def test_calls_made_at_the_same_time_share_a_batch_in_their_order(
    batcher: Batcher, store: Lines
) -> None:
    answers = await asyncio.gather(*(batcher.call(name) for name in ("A", "B", "C")))
    assert answers == ["A", "B", "C"]
    assert store.sent == [[("A",), ("B",), ("C",)]]


async def test_an_error_belongs_to_its_own_call(batcher: Batcher) -> None:
    good, bad = await asyncio.gather(batcher.call("GOOD"), batcher.call("BAD"), return_exceptions=True)
    assert good == "GOOD"
    assert isinstance(bad, ValueError)


async def test_what_gathers_while_batches_are_under_way_goes_with_the_next(
    batcher: Batcher, store: Lines
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


async def test_a_batch_is_bounded(batcher: Batcher, store: Lines) -> None:
    await asyncio.gather(*(batcher.call(number) for number in range(MAX_BATCH + 1)))
    assert [len(batch) for batch in store.sent] == [MAX_BATCH, 1]


async def test_a_patient_call_goes_with_the_next_urgent_one_and_before_it(
    batcher: Batcher, store: Lines
) -> None:
    patient = asyncio.create_task(batcher.call("PATIENT", patient=True))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert store.sent == []
    assert await batcher.call("URGENT") == "URGENT"
    assert await patient == "PATIENT"
    assert store.sent == [[("PATIENT",), ("URGENT",)]]


async def test_a_patient_call_with_an_urgent_one_waiting_goes_at_once(batcher: Batcher, store: Lines) -> None:
    await asyncio.gather(batcher.call("URGENT"), batcher.call("PATIENT", patient=True))
    assert store.sent == [[("URGENT",), ("PATIENT",)]]


async def test_a_patient_call_is_sent_by_itself_in_the_end(batcher: Batcher, store: Lines) -> None:
    assert await batcher.call("PATIENT", patient=True) == "PATIENT"
    assert store.sent == [[("PATIENT",)]]


async def test_an_answer_does_not_send_patient_calls_early(batcher: Batcher, store: Lines) -> None:
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
    batcher: Batcher, store: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.batcher.PATIENCE_S", 3600)
    store.answering.clear()
    calls = []
    for number in range(LINES):
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
    assert store.sent[LINES:] == [[("URGENT",), ("PATIENT",)]]


async def test_hurrying_sends_what_was_patient(
    batcher: Batcher, store: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.batcher.PATIENCE_S", 3600)
    patient = [asyncio.create_task(batcher.call(name, patient=True)) for name in "AB"]
    await asyncio.sleep(0)
    batcher.hurry()
    await asyncio.gather(*patient)
    assert store.sent == [[("A",), ("B",)]]


async def test_hurrying_with_nothing_to_send_does_not_make_later_calls_urgent(
    batcher: Batcher, store: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.batcher.PATIENCE_S", 3600)
    batcher.hurry()
    patient = asyncio.create_task(batcher.call("PATIENT", patient=True))
    for _ in range(3):
        await asyncio.sleep(0)
    assert store.sent == []
    await batcher.call("URGENT")
    await patient
