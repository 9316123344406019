from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from jobs.process.gc_tuning import tune_garbage_collector


@pytest.fixture(autouse=True)
def _collector_put_back() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_is_there_at_start_is_not_looked_at_again() -> None:
    before = gc.get_freeze_count()

    tune_garbage_collector()

    assert gc.get_freeze_count() > before
    assert gc.isenabled()
