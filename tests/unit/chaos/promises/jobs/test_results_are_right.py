from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.observations import Changed, Downloaded, Expected, Submitted
from tests.chaos.promises.jobs.results_are_right import broken
from tests.unit.chaos.promises.story import BEGAN_AT, EVENTS, GOOD, Story, event, good, job


def failing(code: str, **members: Any) -> Story:
    failed = event(3, "job.failed", job(GOOD, "failed", 3, error_code=code, **members))
    return good().only(*EVENTS[:2], failed).drop(Downloaded)


def expecting(expected: Expected, story: Story) -> Story:
    return story.change(Submitted, {"expected": (expected,)}, lambda each: each.job_ids == (GOOD,))


@pytest.mark.parametrize(
    "changes",
    [{"texts": ("QXBBBBBBBB",)}, {"texts": ()}, {"sha256": "other"}, {"content_type": "image/png"}],
)
def test_the_result_of_another_job_is_found(changes: dict[str, Any]) -> None:
    assert good().change(Downloaded, changes).said_by(broken)


def test_a_result_that_changes_is_found() -> None:
    story = good().add(
        Downloaded, job_id=GOOD, sha256="other", texts=("QXAAAAAAAA",), content_type="application/pdf"
    )
    assert f"{GOOD} had another result before" in story.said_by(broken)


def test_a_picture_is_known_by_its_colour() -> None:
    story = expecting(Expected(colour="112233", is_picture=True), good())
    picture = {"content_type": "image/png", "texts": ()}
    assert story.change(Downloaded, {**picture, "colour": "122134"}).said_by(broken) == []
    assert story.change(Downloaded, {**picture, "colour": "332211"}).said_by(broken)
    assert story.change(Downloaded, {**picture, "colour": None}).said_by(broken)


@pytest.mark.parametrize("code", ["result_expired", "job_not_succeeded", "not_finished"])
def test_a_result_that_is_refused_without_reason_is_found(code: str) -> None:
    assert good().add(Downloaded, job_id=GOOD, status=409, code=code).said_by(broken)


def test_a_good_job_that_fails_is_found() -> None:
    assert failing("render_failed").said_by(broken) == [f"{GOOD} failed with render_failed at attempt 1"]
    assert failing("worker_lost").said_by(broken) == []


def test_a_timeout_is_right_only_after_a_long_time() -> None:
    assert failing("render_timeout").said_by(broken)
    assert failing("render_timeout", finished_at=BEGAN_AT + 13).said_by(broken) == []


def test_a_source_is_gone_only_if_it_was_deleted() -> None:
    story = expecting(Expected(sources=("job_S",)), failing("source_gone"))
    assert story.said_by(broken)
    assert story.add(Changed, action="delete", subject="job_S").said_by(broken) == []


def test_a_job_that_must_fail_and_succeeds_is_found() -> None:
    story = expecting(Expected(fails="template_error"), good().drop(Downloaded))
    assert story.said_by(broken) == [f"{GOOD} succeeded, and had to fail with template_error"]
    assert expecting(Expected(fails="template_error"), failing("template_error")).said_by(broken) == []
