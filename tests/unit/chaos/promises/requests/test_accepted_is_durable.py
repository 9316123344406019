from __future__ import annotations

import pytest

from tests.chaos.observations import BatchRead, Changed, Downloaded, JobRead, Listed, Observation, Submitted
from tests.chaos.promises.requests.accepted_is_durable import broken
from tests.unit.chaos.promises.story import GOOD, ONE, TWO, UNWANTED, good

ALL = tuple((each, "succeeded", 3) for each in (GOOD, ONE, TWO))


def test_an_accepted_job_that_is_in_no_log_is_found() -> None:
    story = good().add(
        Submitted,
        50,
        route="jobs",
        status=202,
        job_ids=("job_X",),
        nonce="x",
        content="x",
        key=None,
        expected=(),
    )
    assert story.said_by(broken) == ["job_X was accepted, and is not in the log of acme"]
    assert story.said_by(broken, final=False) == []


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        (JobRead, {"how": "get", "job_id": GOOD}),
        (Downloaded, {"job_id": GOOD}),
        (Changed, {"action": "cancel", "subject": GOOD}),
        (BatchRead, {"batch_id": "bat_B"}),
    ],
)
def test_what_was_there_and_is_not_found_is_found(kind: type[Observation], members: dict[str, str]) -> None:
    assert good().add(kind, status=404, code="job_not_found", **members).said_by(broken, final=False)


def test_a_second_deletion_after_a_lost_answer_is_right() -> None:
    story = good().add(Changed, action="delete", subject=UNWANTED, status=404)
    assert story.said_by(broken) == []


def test_a_list_that_misses_a_job_is_found() -> None:
    story = good().change(Listed, {"jobs": ALL[1:]})
    assert story.said_by(broken) == [f"a list of acme by {{}} misses {GOOD}"]


def test_a_list_with_a_job_twice_or_with_a_deleted_one_is_found() -> None:
    assert good().change(Listed, {"jobs": ALL + ALL[:1]}).said_by(broken)
    assert good().change(Listed, {"jobs": (*ALL, (UNWANTED, "cancelled", 2))}).said_by(broken)


def test_a_filtered_list_has_what_fits_and_nothing_else() -> None:
    assert good().change(Listed, {"filters": {"status": "failed"}}).said_by(broken)
    assert good().change(Listed, {"filters": {"tag": "red"}}).said_by(broken)
    assert good().change(Listed, {"filters": {"status": "succeeded"}}).said_by(broken) == []
