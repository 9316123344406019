from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.chaos.observations import EventSeen
from tests.chaos.promises.jobs.steps_are_legal import broken
from tests.unit.chaos.promises.story import GOOD, event, good, job

QUEUED = event(1, "job.queued", job())
STARTED = event(2, "job.started", job(GOOD, "running", 2))
RETRYING = event(3, "job.retrying", job(GOOD, "retrying", 3, attempt=1))
FAILED = {"error_code": "renderer_crashed", "error_retryable": True}


def said(*events: EventSeen) -> list[str]:
    return good().only(*events).said_by(broken, final=False)


def test_attempts_may_be_lost_retried_and_given_back() -> None:
    assert (
        said(
            QUEUED,
            STARTED,
            event(3, "job.queued", job(GOOD, "queued", 3, attempt=1)),  # the lease was lost
            event(4, "job.started", job(GOOD, "running", 4, attempt=2)),
            event(5, "job.queued", job(GOOD, "queued", 5, attempt=1)),  # the worker drained
            event(6, "job.started", job(GOOD, "running", 6, attempt=2)),
            event(7, "job.retrying", job(GOOD, "retrying", 7, attempt=2)),
            event(8, "job.queued", job(GOOD, "queued", 8, attempt=2)),
            event(9, "job.started", job(GOOD, "running", 9, attempt=3)),
            event(10, "job.failed", job(GOOD, "failed", 10, attempt=3, **FAILED)),
        )
        == []
    )


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([dataclasses.replace(STARTED, sequence=1)], id="begins in the middle"),
        pytest.param([event(1, "job.started", job(GOOD, "running", 1))], id="begins with a start"),
        pytest.param([QUEUED, event(2, "job.succeeded", job(GOOD, "succeeded", 2))], id="no start"),
        pytest.param([QUEUED, dataclasses.replace(QUEUED, sequence=2)], id="one version twice"),
        pytest.param(
            [QUEUED, STARTED, event(3, "job.expired", job(GOOD, "succeeded", 3))], id="expired too early"
        ),
        pytest.param(
            [QUEUED, STARTED, RETRYING, event(4, "job.started", job(GOOD, "running", 4, attempt=2))],
            id="started without a place in the queue",
        ),
        pytest.param(
            [QUEUED, event(2, "job.started", job(GOOD, "running", 2, attempt=0))], id="no attempt used"
        ),
        pytest.param(
            [QUEUED, STARTED, event(3, "job.queued", job(GOOD, "queued", 3, attempt=2))],
            id="an attempt too many",
        ),
        pytest.param(
            [QUEUED, STARTED, event(3, "job.failed", job(GOOD, "failed", 3, **FAILED))], id="gave up early"
        ),
        pytest.param(
            [QUEUED, event(2, "job.failed", job(GOOD, "failed", 2, error_code="render_failed", attempt=0))],
            id="failed without a start",
        ),
    ],
)
def test_other_steps_are_found(events: list[EventSeen]) -> None:
    assert said(*events)


def test_more_attempts_than_allowed_are_found() -> None:
    assert said(QUEUED, event(2, "job.started", job(GOOD, "running", 2, attempt=1, max_attempts=0)))
    last = event(3, "job.retrying", job(GOOD, "retrying", 3, attempt=1, max_attempts=1))
    assert said(QUEUED, event(2, "job.started", job(GOOD, "running", 2, max_attempts=1)), last)


@pytest.mark.parametrize(
    "changes", [{"status": "running"}, {"finished_at": None}, {"sha256": None}, {"finished_at": 1.0}]
)
def test_a_job_that_contradicts_its_event_is_found(changes: dict[str, Any]) -> None:
    assert good().change_event(3, job=changes).said_by(broken)
    assert good().change_event(3, id="evt_GOOD_7").said_by(broken)
