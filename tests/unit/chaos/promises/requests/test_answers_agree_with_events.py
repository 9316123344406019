from __future__ import annotations

from tests.chaos.observations import JobRead, Listed
from tests.chaos.promises.requests.answers_agree_with_events import broken
from tests.unit.chaos.promises.story import GOOD, good, job


def test_an_answer_that_differs_from_the_event_is_found() -> None:
    other = job(GOOD, "succeeded", 3, digest="other")
    assert good().change(JobRead, {"job": other}).said_by(broken, final=False)


def test_a_version_without_an_event_is_found_when_the_run_is_over() -> None:
    story = good().change(JobRead, {"job": job(GOOD, "succeeded", 4)}).drop(Listed)
    assert story.said_by(broken, final=False) == []
    assert story.said_by(broken) == [f"{GOOD} was read as version 4, of which there is no event"]


def test_an_answer_that_is_older_than_one_before_is_found() -> None:
    story = good().add(JobRead, how="get", job_id=GOOD, job=job())
    assert story.said_by(broken, final=False) == [f"{GOOD} was read as version 1 after 3"]


def test_a_list_that_is_older_or_differs_is_found() -> None:
    assert good().change(Listed, {"jobs": ((GOOD, "queued", 1),)}).said_by(broken, final=False)
    assert good().change(Listed, {"jobs": ((GOOD, "failed", 3),)}).said_by(broken, final=False)
