from __future__ import annotations

import time
from itertools import pairwise

import pytest

from jobs.core.ids import Ulids, is_batch_id, is_job_id, is_name, new_batch_id, new_job_id

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def milliseconds(ulid: str) -> int:
    value = 0
    for character in ulid[:10]:
        value = value * 32 + ALPHABET.index(character)
    return value


def test_ids_of_jobs_and_batches_have_different_shapes() -> None:
    assert is_job_id(new_job_id())
    assert is_batch_id(new_batch_id())
    assert not is_job_id(new_batch_id())


def test_an_id_contains_the_time_when_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.123)
    assert milliseconds(Ulids().new()) == 1_700_000_000_123


def test_ids_of_the_same_millisecond_sort_in_the_order_they_were_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.123)
    ulids = Ulids()
    made = [ulids.new() for _ in range(1000)]
    assert all(earlier < later for earlier, later in pairwise(made))


def test_ids_keep_their_order_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([1_700_000_001.0, 1_700_000_000.0, 1_700_000_000.5, 1_700_000_001.001])
    monkeypatch.setattr(time, "time", lambda: next(clock))
    ulids = Ulids()
    made = [ulids.new() for _ in range(4)]
    assert made == sorted(made)
    assert milliseconds(made[-1]) == 1_700_000_001_001


def test_two_processes_do_not_make_the_same_ids() -> None:
    assert Ulids().new() != Ulids().new()


@pytest.mark.parametrize("name", ["a", "0", "invoice", "invoice-2026.v2", "a_b", "a" * 64])
def test_valid_names_are_accepted(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", "A", "ü", "-a", "a-", ".", "..", ".a", "a.", "a b", "a/b", "a:b", "a\n", "a" * 65, "٣"]
)
def test_other_names_are_refused(name: str) -> None:
    assert not is_name(name)
