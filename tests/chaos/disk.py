"""Disks of a run's own that can be full and read-only: two small memory file systems (Linux, root).

They live in a mount namespace of this process and its children, so they are gone when it ends,
however it ends.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

_CLONE_NEWNS = 0x0002_0000
_PAGE_BYTES = 4096


def own_mounts() -> bool:
    """Gives this process mounts of its own; returns whether this machine allows it.

    Call it before other threads start: it holds for the calling thread and what it starts.
    """
    if sys.platform != "linux" or os.geteuid() != 0 or ctypes.CDLL(None).unshare(_CLONE_NEWNS):
        return False
    return not subprocess.run(["mount", "--make-rprivate", "/"], check=False, capture_output=True).returncode


class Disk:
    """A file system in memory at `path`, which takes memory only for what is written."""

    def __init__(self, path: Path, megabytes: int) -> None:
        self.path = path
        self._megabytes = megabytes
        path.mkdir(parents=True)
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(path))

    def fill(self) -> None:
        """Takes all room away, up to one page: what is there stays, and nothing can be added."""
        used = shutil.disk_usage(self.path).used
        _mount("-o", f"remount,size={used + _PAGE_BYTES}", str(self.path))

    def make_read_only(self) -> None:
        """Raises CalledProcessError while a file is open for writing. Then try again."""
        _mount("-o", "remount,ro", str(self.path))

    def heal(self) -> None:
        _mount("-o", f"remount,rw,size={self._megabytes}m", str(self.path))

    def close(self) -> None:
        """Takes the file system away, with what is on it."""
        subprocess.run(["umount", "-l", str(self.path)], check=True, capture_output=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
