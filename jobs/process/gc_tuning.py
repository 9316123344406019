"""Tunes Python's garbage collector, which stops a process while it runs."""

from __future__ import annotations

import gc


def tune_garbage_collector() -> None:
    """Exempts what is there at start from collection, and collects the rest more rarely.

    Requests leave almost no reference cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
