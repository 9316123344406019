"""Temporary directories: one for each worker, in it one for each render child, and in that one for
each render.

The worker creates and removes them; a render child only writes into its own. The worker holds a
lock on its directory. So a worker that starts can tell what a killed worker has left behind, and
removes it.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PREFIX = "pressrun-render-"
_LOCK = "lock"

_BLOCK_BYTES = 512
"""The unit of `st_blocks`, whatever the file system."""
_MAX_FILES = 5000
"""A render writes up to three files for each font that a document brings, and it may fetch 500."""


class Scratch:
    """The directory of one worker. Use it from one event loop only."""

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        _sweep(parent)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self._lock = os.open(self.path / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._numbers = itertools.count(1)
        self._removals: set[asyncio.Task[None]] = set()

    def for_child(self) -> ChildScratch:
        return ChildScratch(f"{self.path}/{next(self._numbers)}", self.remove)

    def remove(self, path: str) -> None:
        """Removes a directory: at once if it is empty, else in a thread."""
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


class ChildScratch:
    """The only directory that a render child can write to. It holds one directory for each render.

    A confined child can remove nothing there, not even a file that is open. So what is there is all
    that it has written.
    """

    def __init__(self, path: str, remove: Callable[[str], None]) -> None:
        self.path = path
        self._remove = remove
        self._clean: str | None = None
        os.mkdir(path, 0o700)

    def make(self) -> str:
        """Returns the path of an empty directory for a render."""
        path, self._clean = self._clean, None
        if path is None:
            path = f"{self.path}/{secrets.token_hex(8)}"  # a name that the child cannot have taken
            os.mkdir(path, 0o700)
        return path

    def give_back(self, path: str) -> None:
        """Takes back a directory from `make`; one that is empty is used again."""
        if os.listdir(path):
            self._remove(path)
        else:
            self._clean = path

    def used_bytes(self, most: int) -> int:
        """Returns the room that all files of the child take, or more than `most`.

        The child may have made any number of files: looking stops at `most` bytes, and at more
        files than a render needs.
        """
        total, files = 0, 0
        folders = [self.path]
        while folders:
            with suppress(FileNotFoundError), os.scandir(folders.pop()) as entries:
                for entry in entries:
                    files += 1
                    total += entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
                    if total > most or files > _MAX_FILES:
                        return most + 1
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        return total

    def remove(self) -> None:
        """Removes all of it. The child must have ended."""
        self._remove(self.path)


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
