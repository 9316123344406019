"""Keeps the memory and the environment of a process, where keys are, from other processes."""

from __future__ import annotations

import sys
from contextlib import suppress

from jobs.isolation.linux import PR_SET_DUMPABLE, prctl


def make_memory_private() -> None:
    """Closes `/proc/<pid>/mem` and `environ` of this process to other processes of its user.

    Root can still read them, and so can a debugger of root. Elsewhere than on Linux, nothing
    happens.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            prctl(PR_SET_DUMPABLE, 0)
