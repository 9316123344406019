from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.chaos.observations import BatchRead
from tests.chaos.promises.jobs.batches_complete_once import broken
from tests.unit.chaos.promises.story import BATCH, EVENTS, event, good

COMPLETED = EVENTS[9]


def test_a_batch_that_never_completes_is_found() -> None:
    story = good().only(*EVENTS[:9])
    assert story.said_by(broken) == ["bat_B never completed"]
    assert story.said_by(broken, final=False) == []


def test_a_batch_that_completes_twice_is_found() -> None:
    again = dataclasses.replace(COMPLETED, sequence=11)
    assert "bat_B completed 2 times" in good().only(*EVENTS[:10], again).said_by(broken)


def test_a_batch_that_completes_too_early_is_found() -> None:
    early = [
        *EVENTS[:8],
        dataclasses.replace(COMPLETED, sequence=9),
        dataclasses.replace(EVENTS[8], sequence=10),
    ]
    assert good().only(*early).said_by(broken) == ["bat_B completed before its last job had ended"]


@pytest.mark.parametrize("changes", [{"succeeded": 1, "failed": 1}, {"status": "running"}])
def test_wrong_counts_are_found(changes: dict[str, Any]) -> None:
    wrong = event(10, "batch.completed", batch=dataclasses.replace(BATCH, **changes))
    assert good().only(*EVENTS[:9], wrong).said_by(broken)


def test_a_batch_that_is_there_in_part_is_found() -> None:
    story = good().only(*EVENTS[:6])
    assert "bat_B has 1 jobs, of 2 that were submitted" in story.said_by(broken)


def test_a_job_that_does_not_name_its_batch_is_found() -> None:
    assert "job_ONE does not name its batch bat_B" in good().change_event(5, job={"batch_id": None}).said_by(
        broken
    )


@pytest.mark.parametrize("changes", [{"status": "running"}, {"failed": 1, "succeeded": 1}, {"total": 3}])
def test_an_answer_that_contradicts_the_event_is_found(changes: dict[str, Any]) -> None:
    assert good().change(BatchRead, {"batch": dataclasses.replace(BATCH, **changes)}).said_by(broken)
