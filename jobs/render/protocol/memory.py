"""Reads memory and threads that a process uses now, and the peak memory of this process."""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
from contextlib import suppress
from typing import NamedTuple

_PAGE_BYTES = resource.getpagesize()
_STATUS_BYTES = 4096
_STAT_THREADS = 17
_STAT_RESIDENT_PAGES = 21
"""Places in `/proc/<pid>/stat` (manual page proc_pid_stat(5)), behind the name of the program."""

_PROC_PIDTASKINFO = 4
_TASK_INFO_BYTES = 96
_RESIDENT_BYTES = struct.Struct("=Q")
_THREADS = struct.Struct("=i")
"""macOS: size and members of `struct proc_taskinfo` (`sys/proc_info.h`)."""


class Use(NamedTuple):
    """What a process uses now."""

    resident_bytes: int
    threads: int


class ProcessUse:
    """Reads what a process uses, many times a second (Linux, macOS)."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stat = _open(f"/proc/{pid}/stat", os.O_RDONLY)

    def read(self) -> Use | None:
        """Returns None if the process is gone or the system does not tell."""
        if self._stat is None:
            return _task_use(self._pid) if sys.platform == "darwin" else None
        try:
            # The name of the program, in parentheses, is before these and may contain blanks.
            fields = os.pread(self._stat, _STATUS_BYTES, 0).rpartition(b") ")[2].split()
            return Use(int(fields[_STAT_RESIDENT_PAGES]) * _PAGE_BYTES, int(fields[_STAT_THREADS]))
        except (OSError, IndexError):
            return None

    def close(self) -> None:
        if self._stat is not None:
            os.close(self._stat)
            self._stat = None


def _open(path: str, flags: int) -> int | None:
    """Opens a file that is kept open, because opening costs more than reading."""
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except OSError:
        return None


def _task_use(pid: int) -> Use | None:
    info = ctypes.create_string_buffer(_TASK_INFO_BYTES)
    got = ctypes.CDLL(None).proc_pidinfo(pid, _PROC_PIDTASKINFO, ctypes.c_uint64(0), info, _TASK_INFO_BYTES)
    if got != _TASK_INFO_BYTES:
        return None
    return Use(*_RESIDENT_BYTES.unpack_from(info, 8), *_THREADS.unpack_from(info, 84))


class PeakMemory:
    """Reads the peak resident size of this process since `reset`.

    Create it after a fork, not before.
    """

    def __init__(self) -> None:
        self._clear_refs = _open("/proc/self/clear_refs", os.O_WRONLY)
        self._status = _open("/proc/self/status", os.O_RDONLY)

    def reset(self) -> None:
        """Starts a new peak on Linux; elsewhere the peak is that since the start of the process."""
        if self._clear_refs is not None:
            with suppress(OSError):
                os.write(self._clear_refs, b"5")

    def read(self) -> int:
        """Returns bytes."""
        if self._status is not None:
            with suppress(OSError):
                _, _, peak_kib = os.pread(self._status, _STATUS_BYTES, 0).partition(b"\nVmHWM:")
                if peak_kib:
                    return int(peak_kib.split(maxsplit=1)[0]) * 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
