"""Lets a process tell the one that started it that it can work."""

from __future__ import annotations

import os
from contextlib import suppress

READY_FD = "PRESSRUN_READY_FD"
"""`pressrun up` sets it to the number of a pipe's write end, which its processes inherit."""


def say_ready() -> None:
    """Writes a line to the pipe that READY_FD names, and closes it. Does nothing without one."""
    number = os.environ.pop(READY_FD, "")
    if number.isdecimal():
        with suppress(OSError), open(int(number), "wb") as pipe:
            pipe.write(b"\n")
