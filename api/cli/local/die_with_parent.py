"""Processes that end when the one that started them is killed, even by SIGKILL."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """A `preexec_fn` with which a child gets SIGTERM when the thread that started it ends; None outside Linux.

    A child started by a thread of a pool therefore lives no longer than that pool.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
