"""Landlock: which files a confined process can open, and nothing of the network.

Source: the manual page landlock(7), `linux/landlock.h`, and
`Documentation/userspace-api/landlock.rst` of Linux. What Landlock can restrict grows with its *ABI*
number; what this kernel does not know is left to the seccomp filter.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from enum import IntFlag
from pathlib import Path

from jobs.isolation.call_numbers import CALL_NUMBERS
from jobs.isolation.linux import machine, system_call

_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1


class Right(IntFlag):
    """`LANDLOCK_ACCESS_FS_…`, in the order of its bits."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


_READ = Right.READ_FILE | Right.READ_DIR
_WRITE = _READ | Right.WRITE_FILE | Right.MAKE_REG | Right.MAKE_DIR | Right.TRUNCATE
"""What it may do in its scratch directory. It removes nothing there: a file that is open and has no
name would take room that the parent cannot see. It makes no links, sockets and pipes."""
_OF_FILES = Right.EXECUTE | Right.WRITE_FILE | Right.READ_FILE | Right.TRUNCATE | Right.IOCTL_DEV
"""Rights that a rule for a single file may have."""

_TCP = 0b11
"""Bind and connect. No rule allows a port."""
_SCOPES = 0b11
"""Abstract Unix sockets and signals reach processes of the same domain only."""


def abi() -> int:
    """Returns the ABI of Landlock that the kernel offers. Raises OSError if it offers none."""
    name = machine()
    if name is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return system_call(CALL_NUMBERS[name]["landlock_create_ruleset"], None, 0, _VERSION_FLAG)


def why_missing() -> str | None:
    """Returns why this machine does not offer Landlock, or None if it does."""
    if machine() is None:
        return "Landlock: it needs Linux on x86-64 or aarch64"
    try:
        abi()
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return "Landlock: the kernel has it, but it was started without (add landlock to lsm=)"
        return f"Landlock: the kernel is older than 5.13, or the container forbids it ({error.strerror})"
    return None


def restrict(*, readable: Iterable[Path], writable: Iterable[Path], network: bool) -> None:
    """Closes all files to this thread, except those below these paths, for ever.

    Threads that exist already stay free, and threads that start later do not. Paths that do not
    exist are left out. The process needs no_new_privs.

    Raises:
        OSError: the kernel does not do it.
    """
    version = abi()
    numbers = CALL_NUMBERS[machine() or ""]
    handled = _rights_known_to(version)
    attributes = _Ruleset(handled, 0 if network or version < 4 else _TCP, 0 if version < 6 else _SCOPES)
    size = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}.get(version, ctypes.sizeof(_Ruleset))
    ruleset = system_call(numbers["landlock_create_ruleset"], ctypes.byref(attributes), size, 0)
    try:
        for paths, rights in ((readable, _READ), (writable, _WRITE)):
            for path in paths:
                with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                    _allow(numbers["landlock_add_rule"], ruleset, path, rights & handled)
        system_call(numbers["landlock_restrict_self"], ruleset, 0)
    finally:
        os.close(ruleset)


class _Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr`: what is refused unless a rule allows it.

    Kernels before ABI 4 know the first member only, before ABI 6 the first two.
    """

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    """`struct landlock_path_beneath_attr`: a rule for all that is below an open directory.

    The kernel's structure is packed, so it ends with its last member and not with padding, which it
    does not read.
    """

    _fields_ = (("rights", ctypes.c_uint64), ("directory", ctypes.c_int32))


def _rights_known_to(version: int) -> Right:
    newer = {Right.REFER: 2, Right.TRUNCATE: 3, Right.IOCTL_DEV: 5}
    rights = Right(0)
    for right in Right:
        if newer.get(right, 1) <= version:
            rights |= right
    return rights


def _allow(call: int, ruleset: int, path: Path, rights: Right) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not path.is_dir():
            rights &= _OF_FILES
        rule = _PathBeneath(rights, place)
        system_call(call, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(place)
