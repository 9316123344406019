"""Temporary directories for renders: one for each document, below one for each worker.

The worker creates and removes them; a render child only writes into its own. The worker holds a
lock on its directory. So a worker that starts can tell what a killed worker has left behind, and
removes it.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "pressrun-render-"
_LOCK = "lock"


class Scratch:
    """The directory of one worker. Use it from one event loop only."""

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        _sweep(parent)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self._lock = os.open(self.path / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._numbers = itertools.count(1)
        self._clean: list[str] = []
        self._removals: set[asyncio.Task[None]] = set()

    def make(self) -> str:
        """Returns the path of an empty directory."""
        if self._clean:
            return self._clean.pop()
        path = f"{self.path}/{next(self._numbers)}"
        os.mkdir(path, 0o700)
        return path

    def give_back(self, path: str) -> None:
        """Takes back a directory from `make`; one that is empty is used again."""
        if os.listdir(path):
            self.remove(path)
        else:
            self._clean.append(path)

    def remove(self, path: str) -> None:
        """Removes a directory from `make`: at once if it is empty, else in a thread."""
        try:
            os.rmdir(path)
        except OSError:
            task = asyncio.create_task(asyncio.to_thread(shutil.rmtree, path, ignore_errors=True))
            self._removals.add(task)
            task.add_done_callback(self._removals.discard)

    async def close(self) -> None:
        """Removes everything. All children must have ended."""
        if self._removals:
            await asyncio.wait(self._removals)
        await asyncio.to_thread(shutil.rmtree, self.path, ignore_errors=True)
        os.close(self._lock)


def _sweep(parent: Path) -> None:
    """Removes the directories of workers that no longer run."""
    for path in parent.glob(_PREFIX + "*"):
        try:
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(lock)
