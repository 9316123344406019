"""Temporary directories of renders: one per document, below one per worker, gone whatever happens.

The worker makes and removes them; a render child only writes into its own. The worker's directory is locked for as
long as the worker lives, so that the next worker can tell what a killed one has left behind.
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
    """The worker's directory. Not safe to share between event loops."""

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
        """An empty directory."""
        if self._clean:
            return self._clean.pop()
        path = f"{self.path}/{next(self._numbers)}"
        os.mkdir(path, 0o700)
        return path

    def give_back(self, path: str) -> None:
        """Takes back a directory of `make` from a process that lives on: one that is still empty is as good as new."""
        if os.listdir(path):
            self.remove(path)
        else:
            self._clean.append(path)

    def remove(self, path: str) -> None:
        """Removes a directory of `make`: at once where it is empty, else without holding up the event loop."""
        try:
            os.rmdir(path)
        except OSError:
            task = asyncio.create_task(asyncio.to_thread(shutil.rmtree, path, ignore_errors=True))
            self._removals.add(task)
            task.add_done_callback(self._removals.discard)

    async def close(self) -> None:
        """Removes everything. The children must be dead."""
        if self._removals:
            await asyncio.wait(self._removals)
        await asyncio.to_thread(shutil.rmtree, self.path, ignore_errors=True)
        os.close(self._lock)


def _sweep(parent: Path) -> None:
    """Removes what workers that are no longer alive left behind."""
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
