"""The faults of a run, which its seed decides."""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.chaos.schedule import FIRST_FAULT_S, QUIET_S, Kind, schedule

SEEDS = range(20)
LONG_S = 1200.0


def test_the_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    assert schedule(7, LONG_S) == schedule(7, LONG_S)
    assert schedule(7, LONG_S) != schedule(8, LONG_S)


@pytest.mark.parametrize("seed", SEEDS)
def test_faults_come_in_order_and_leave_the_begin_and_the_end_quiet(seed: int) -> None:
    faults = schedule(seed, LONG_S)
    assert [fault.at_s for fault in faults] == sorted(fault.at_s for fault in faults)
    assert min(fault.at_s for fault in faults) >= FIRST_FAULT_S
    assert max(fault.ends_s for fault in faults) <= LONG_S - QUIET_S


@pytest.mark.parametrize("seed", SEEDS)
def test_faults_of_one_medium_never_overlap(seed: int) -> None:
    for first, second in combinations(schedule(seed, LONG_S), 2):
        assert first.medium != second.medium or first.ends_s <= second.at_s


def test_faults_of_different_media_overlap() -> None:
    faults = schedule(1, LONG_S)
    assert any(first.at_s < second.at_s < first.ends_s for first, second in combinations(faults, 2))


def test_five_minutes_have_every_kind_of_fault() -> None:
    for seed in SEEDS:
        assert {fault.kind for fault in schedule(seed, 300.0)} == set(Kind)


def test_a_run_that_is_shorter_than_its_quiet_end_has_no_faults() -> None:
    assert schedule(1, QUIET_S) == []
