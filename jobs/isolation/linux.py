"""Calls of the Linux kernel that Python does not offer."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38


def machine() -> str | None:
    """Returns ``x86_64`` or ``aarch64``; None on other machines and other systems."""
    is_64_bit = sys.maxsize > 2**32  # a 32-bit Python makes the calls of another architecture
    name = platform.machine()
    return name if sys.platform == "linux" and is_64_bit and name in ("x86_64", "aarch64") else None


def prctl(option: int, argument: int) -> None:
    """Raises OSError."""
    _check(_libc().prctl(option, *(ctypes.c_ulong(value) for value in (argument, 0, 0, 0))))


def system_call(number: int, *arguments: Any) -> int:
    """Makes a system call. Pointers are ctypes objects, numbers are plain. Raises OSError."""
    words = (ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
    return _check(_libc().syscall(ctypes.c_long(number), *words))


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
