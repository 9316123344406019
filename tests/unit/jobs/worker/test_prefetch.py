import pytest

from jobs.core.job import Claim
from jobs.worker.prefetch import HOLD_S, SHORT_RUN_S, Prefetch


def claim(job_id: str) -> Claim:
    return Claim(
        job_id=job_id,
        tenant="acme",
        kind="test",
        number=1,
        attempt=0,
        max_attempts=3,
        timeout_ms=None,
        spec=b"{}",
        input_path=None,
        entry=b"{}",
    )


def after_short_runs(slots: int = 2) -> Prefetch:
    reserve = Prefetch(slots)
    reserve.ran(0.09)
    return reserve


def test_nothing_is_held_before_a_run_has_shown_how_long_runs_are() -> None:
    assert Prefetch(2).room == 0


def test_short_runs_make_room_for_what_begins_in_a_moment_once_half_of_it_is_missing() -> None:
    reserve = after_short_runs()
    rooms = []
    for job_id in "abcde":
        rooms.append(reserve.room)
        reserve.put(claim(job_id), 0.0)
    assert rooms == [6, 5, 4, 3, 0]
    assert reserve.room == 0


@pytest.mark.parametrize(("run_s", "room"), [(0.25, 2), (0.2, 4), (0.06, 8), (0.04, 12), (0.001, 24)])
def test_the_shorter_runs_are_the_more_claims_are_held(run_s: float, room: int) -> None:
    reserve = Prefetch(2)
    reserve.ran(run_s)
    assert reserve.room == room


@pytest.mark.parametrize(
    ("slots", "run_s", "has_company"), [(2, 0.08, True), (2, 0.09, False), (8, 0.3, True)]
)
def test_there_is_company_where_several_runs_end_within_the_patience(
    slots: int, run_s: float, has_company: bool
) -> None:
    reserve = Prefetch(slots)
    assert not reserve.has_company
    reserve.ran(run_s)
    assert reserve.has_company == has_company


@pytest.mark.parametrize(("run_s", "brief"), [(0.07, True), (0.09, False)])
def test_runs_are_brief_only_once_they_have_shown_it(run_s: float, brief: bool) -> None:
    reserve = Prefetch(8)
    assert not reserve.runs_are_brief
    reserve.ran(run_s)
    assert reserve.runs_are_brief == brief


def test_long_runs_leave_no_room_until_runs_are_short_again() -> None:
    reserve = after_short_runs()
    reserve.ran(60)
    assert reserve.room == 0
    for _ in range(40):
        reserve.ran(0.09)
    assert reserve.room == 6


def test_claims_are_taken_in_the_order_they_came() -> None:
    reserve = after_short_runs()
    reserve.put(claim("a"), 0.0)
    reserve.put(claim("b"), 0.0)
    taken = [reserve.take(), reserve.take(), reserve.take()]
    assert [one and one.job_id for one in taken] == ["a", "b", None]


def test_a_claim_that_is_not_current_any_more_is_dropped() -> None:
    reserve = after_short_runs()
    old, newer, other = claim("a"), claim("a"), claim("b")
    for held in (old, newer, other):
        reserve.put(held, 0.0)
    reserve.drop(old)
    reserve.drop(claim("never held"))
    assert [one is newer or one is other for one in reserve.claims] == [True, True]


def test_what_was_held_too_long_is_given_up_and_no_more_is_held() -> None:
    reserve = after_short_runs()
    reserve.put(claim("old"), 0.0)
    reserve.put(claim("new"), HOLD_S)
    assert reserve.overdue(HOLD_S) == []
    assert [one.job_id for one in reserve.overdue(HOLD_S + 0.1)] == ["old"]
    assert [one.job_id for one in reserve.claims] == ["new"]
    for _ in range(3):
        reserve.put(claim("again"), 0.0)
        reserve.overdue(HOLD_S + 0.1)
    assert HOLD_S > SHORT_RUN_S
    assert reserve.room == 0


def test_emptying_gives_everything() -> None:
    reserve = after_short_runs()
    reserve.put(claim("a"), 0.0)
    reserve.put(claim("b"), 0.0)
    assert [one.job_id for one in reserve.empty()] == ["a", "b"]
    assert reserve.claims == []
