from __future__ import annotations

import pytest

from tests.chaos.observations import JobRead, Submitted
from tests.chaos.promises.requests.answers_are_documented import broken
from tests.unit.chaos.promises.story import GOOD, good


@pytest.mark.parametrize(
    ("status", "code"), [(500, "internal_error"), (502, None), (401, "unauthenticated"), (404, "not_found")]
)
def test_an_answer_that_is_not_documented_is_found(status: int, code: str | None) -> None:
    assert good().add(JobRead, how="get", job_id=GOOD, status=status, code=code).said_by(broken, final=False)


def test_a_503_says_why_and_when_to_come_back() -> None:
    away = {"how": "get", "job_id": GOOD, "status": 503}
    full = {"code": "store_unavailable", "retry_after": True}
    assert good().add(JobRead, **away, **full).said_by(broken) == []
    assert good().add(JobRead, **away, code=None, retry_after=True).said_by(broken)
    assert good().add(JobRead, **away, code="store_unavailable").said_by(broken)


def test_only_what_is_invalid_is_refused_as_invalid() -> None:
    refused = {"status": 422, "code": "invalid_input"}
    assert good().change(Submitted, refused).said_by(broken)
    assert good().change(Submitted, {**refused, "must_refuse": True}).said_by(broken) == []


def test_an_answer_to_a_submission_that_shows_a_job_is_judged_as_a_submission() -> None:
    failed = {"status": 422, "code": "job_failed"}
    shown = good().change(Submitted, failed).add(JobRead, how="submit", job_id=GOOD, **failed)
    assert shown.said_by(broken, final=False) == []
    assert good().add(JobRead, how="get", job_id=GOOD, **failed).said_by(broken, final=False)
