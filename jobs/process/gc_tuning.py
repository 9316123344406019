"""Python's garbage collector in processes that serve: it stops everything while it looks."""

from __future__ import annotations

import gc


def tune_garbage_collector() -> None:
    """Requests leave no cycles to speak of: what is there at start is never looked at, and the rest more rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
