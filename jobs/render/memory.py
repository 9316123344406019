"""How much memory a process really holds."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress

_PAGE_BYTES = resource.getpagesize()


class ResidentSize:
    """Resident size of another process, cheap enough to ask for many times a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._statm: int | None = None
        with suppress(OSError):
            self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> int | None:
        """In bytes; None where the process is gone or the system does not say."""
        if self._statm is None:
            return None
        try:
            return int(os.pread(self._statm, 100, 0).split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):
            return None

    def close(self) -> None:
        if self._statm is not None:
            os.close(self._statm)
            self._statm = None


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
