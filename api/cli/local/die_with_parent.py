"""Ends child processes when their parent is killed, even by SIGKILL (Linux only)."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """Returns a `preexec_fn` that sends the child SIGTERM when the thread that started it ends.

    None on other systems than Linux. It is the thread that counts, not the process: a child that a
    pool's thread started lives no longer than the pool.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
