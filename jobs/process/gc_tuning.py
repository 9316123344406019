"""Tunes Python's garbage collector, which stops the process while it runs."""

from __future__ import annotations

import gc


def tune_garbage_collector() -> None:
    """Makes it run rarely, and skip what exists at start: requests leave almost no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
