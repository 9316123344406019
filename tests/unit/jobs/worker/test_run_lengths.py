import pytest

from jobs.worker.run_lengths import RunLengths
from jobs.worker.timing import WorkerTiming

TIMING = WorkerTiming(flush_after_s=0.1, short_run_s=0.25, new_run_weight=0.2)


def after(*runs_s: float, slots: int = 2) -> RunLengths:
    lengths = RunLengths(slots, TIMING)
    for seconds in runs_s:
        lengths.add(seconds)
    return lengths


def test_nothing_is_assumed_before_the_first_run() -> None:
    lengths = after()
    assert (lengths.are_short, lengths.fit_into_a_flush, lengths.share_flushes) == (False, False, False)


def test_the_average_moves_by_a_fifth_of_the_difference() -> None:
    assert after(1).average_s == 1
    assert after(1, 2).average_s == pytest.approx(1.2)


@pytest.mark.parametrize(("run_s", "short"), [(0.25, True), (0.26, False)])
def test_runs_are_short_up_to_the_limit(run_s: float, short: bool) -> None:
    assert after(run_s).are_short == short


@pytest.mark.parametrize(("run_s", "fits"), [(0.09, True), (0.11, False)])
def test_a_start_may_wait_for_the_outcome_of_a_run_shorter_than_a_flush(run_s: float, fits: bool) -> None:
    assert after(run_s, slots=8).fit_into_a_flush == fits


@pytest.mark.parametrize(("slots", "run_s", "share"), [(2, 0.1, True), (2, 0.11, False), (8, 0.4, True)])
def test_outcomes_share_a_flush_if_two_runs_end_in_its_time(slots: int, run_s: float, share: bool) -> None:
    assert after(run_s, slots=slots).share_flushes == share
