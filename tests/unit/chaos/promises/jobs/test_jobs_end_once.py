from __future__ import annotations

from tests.chaos.promises.jobs.jobs_end_once import broken
from tests.unit.chaos.promises.story import EVENTS, GOOD, event, good, job


def test_a_job_without_an_end_is_found_when_the_run_is_over() -> None:
    story = good().only(*EVENTS[:2])
    assert story.said_by(broken) == [f"{GOOD} never ended: its last event is job.started"]
    assert story.said_by(broken, final=False) == []


def test_a_second_end_is_found_at_once() -> None:
    story = good().only(*EVENTS[:3], event(4, "job.failed", job(GOOD, "failed", 4)))
    assert story.said_by(broken, final=False) == [f"{GOOD} ended 2 times: job.succeeded, job.failed"]
