"""How much memory a process really holds."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from contextlib import suppress

_PAGE_BYTES = resource.getpagesize()


_PROC_PIDTASKINFO = 4
_TASK_INFO_BYTES = 96
"""macOS: `struct proc_taskinfo`, whose second 64-bit number is the resident size (`sys/proc_info.h`)."""


class ResidentSize:
    """Resident size of another process, cheap enough to ask for many times a second (Linux, macOS)."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._statm: int | None = None
        with suppress(OSError):
            self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> int | None:
        """In bytes; None where the process is gone or the system does not say."""
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


def _task_resident_bytes(pid: int) -> int | None:
    info = (ctypes.c_uint64 * (_TASK_INFO_BYTES // 8))()
    got = ctypes.CDLL(None).proc_pidinfo(pid, _PROC_PIDTASKINFO, ctypes.c_uint64(0), info, _TASK_INFO_BYTES)
    return int(info[1]) if got == _TASK_INFO_BYTES else None


class PeakMemory:
    """This process's own peak resident size since `reset`."""

    def reset(self) -> None:
        """Starts anew (Linux); elsewhere the peak is the process's whole life's."""
        with suppress(OSError), open("/proc/self/clear_refs", "wb", buffering=0) as clear_refs:
            clear_refs.write(b"5")

    def read(self) -> int:
        """In bytes."""
        with suppress(OSError), open("/proc/self/status", "rb") as status:
            for line in status:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
