import pytest

from jobs.core.job import Claim
from jobs.worker.prefetch import Prefetch
from jobs.worker.run_lengths import RunLengths
from jobs.worker.timing import WorkerTiming

TIMING = WorkerTiming()


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


class Held:
    """A prefetch for two slots, and the run lengths it goes by."""

    def __init__(self, *runs_s: float) -> None:
        self.runs = RunLengths(2, TIMING)
        for seconds in runs_s:
            self.runs.add(seconds)
        self.prefetch = Prefetch(2, self.runs, TIMING)


def after_short_runs() -> Prefetch:
    return Held(0.09).prefetch


def test_nothing_is_held_before_a_run_has_shown_how_long_runs_are() -> None:
    assert Held().prefetch.room == 0


def test_short_runs_make_room_for_claims_once_half_of_them_are_missing() -> None:
    prefetch = after_short_runs()
    rooms = []
    for job_id in "abcde":
        rooms.append(prefetch.room)
        prefetch.put(claim(job_id), 0.0)
    assert rooms == [6, 5, 4, 3, 0]
    assert prefetch.room == 0


@pytest.mark.parametrize(("run_s", "room"), [(0.25, 2), (0.2, 4), (0.06, 8), (0.04, 12), (0.001, 24)])
def test_the_shorter_runs_are_the_more_claims_are_held(run_s: float, room: int) -> None:
    assert Held(run_s).prefetch.room == room


def test_long_runs_leave_no_room_until_runs_are_short_again() -> None:
    held = Held(0.09, 60)
    assert held.prefetch.room == 0
    for _ in range(40):
        held.runs.add(0.09)
    assert held.prefetch.room == 6


def test_claims_are_taken_in_the_order_they_came() -> None:
    prefetch = after_short_runs()
    prefetch.put(claim("a"), 0.0)
    prefetch.put(claim("b"), 0.0)
    taken = [prefetch.take(0.1) for _ in range(3)]
    assert [one and one.job_id for one in taken] == ["a", "b", None]


def test_a_claim_that_is_not_current_any_more_is_dropped() -> None:
    prefetch = after_short_runs()
    old, newer, other = claim("a"), claim("a"), claim("b")
    for held in (old, newer, other):
        prefetch.put(held, 0.0)
    prefetch.drop(old)
    prefetch.drop(claim("never held"))
    assert [one is newer or one is other for one in prefetch.claims] == [True, True]


def test_claims_held_for_too_long_are_given_up_and_then_no_more_are_held() -> None:
    prefetch = Held(0.01).prefetch
    prefetch.put(claim("old"), 0.0)
    prefetch.put(claim("new"), TIMING.hold_s)
    assert prefetch.take_stale(TIMING.hold_s) == []
    assert prefetch.take(TIMING.hold_s + 0.1) is None
    assert [one.job_id for one in prefetch.take_stale(TIMING.hold_s + 0.1)] == ["old"]
    assert [one.job_id for one in prefetch.claims] == ["new"]
    for _ in range(3):
        prefetch.put(claim("again"), 0.0)
        prefetch.take_stale(TIMING.hold_s + 0.1)
    assert TIMING.hold_s > TIMING.short_run_s
    assert prefetch.room == 0


def test_nothing_that_is_held_begins_once_runs_are_long() -> None:
    held = Held(0.09)
    for job_id in "ab":
        held.prefetch.put(claim(job_id), 0.0)
    held.runs.add(2.0)
    assert held.prefetch.take(0.1) is None
    assert [one.job_id for one in held.prefetch.take_stale(0.1)] == ["a", "b"]


def test_taking_all_leaves_nothing() -> None:
    prefetch = after_short_runs()
    prefetch.put(claim("a"), 0.0)
    prefetch.put(claim("b"), 0.0)
    assert [one.job_id for one in prefetch.take_all()] == ["a", "b"]
    assert prefetch.claims == []
