"""Reads the resident size of a process: of another one now, and of this one at its peak."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from contextlib import suppress

_PAGE_BYTES = resource.getpagesize()
_STATUS_BYTES = 4096

_PROC_PIDTASKINFO = 4
_TASK_INFO_BYTES = 96
"""macOS: size of `struct proc_taskinfo` (`sys/proc_info.h`); its second 64-bit number is the
resident size."""


class ResidentSize:
    """Reads the resident size of another process many times a second (Linux, macOS)."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._statm = _open(f"/proc/{pid}/statm", os.O_RDONLY)

    def read(self) -> int | None:
        """Returns bytes, or None if the process is gone or the system does not tell."""
        if self._statm is None:
            return _task_resident_bytes(self._pid) if sys.platform == "darwin" else None
        try:
            return int(os.pread(self._statm, 100, 0).split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):
            return None

    def close(self) -> None:
        if self._statm is not None:
            os.close(self._statm)
            self._statm = None


def _open(path: str, flags: int) -> int | None:
    """Opens a file that is kept open, because opening costs more than reading."""
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except OSError:
        return None


def _task_resident_bytes(pid: int) -> int | None:
    info = (ctypes.c_uint64 * (_TASK_INFO_BYTES // 8))()
    got = ctypes.CDLL(None).proc_pidinfo(pid, _PROC_PIDTASKINFO, ctypes.c_uint64(0), info, _TASK_INFO_BYTES)
    return int(info[1]) if got == _TASK_INFO_BYTES else None


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
