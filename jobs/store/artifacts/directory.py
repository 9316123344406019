"""Artifacts in a local directory."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from obstore.store import LocalStore

from jobs.core.errors.store import ArtifactMissing
from jobs.store.artifacts.object import ObjectArtifacts, refused, unavailable

_MAX_GROUP_BYTES = 1024**2
"""A group that has more bytes takes no further artifacts; another one is written beside it."""


class DirectoryArtifacts(ObjectArtifacts):
    """Keeps artifacts in a local directory. One that was put survives a power cut."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._directory = DurableDirectory(root)
        super().__init__(LocalStore(root))
        self._gathering: list[_Put] | None = None

    async def put(self, path: str, body: bytes) -> None:
        """Writes it together with all others that are put in the same turn of the event loop."""
        loop = asyncio.get_running_loop()
        group = self._gathering
        if group is None or sum(len(put.body) for put in group) > _MAX_GROUP_BYTES:
            group = self._gathering = []
            loop.call_soon(self._write, group)
        put = _Put(path, body, loop.create_future())
        group.append(put)
        try:
            await put.written
        except OSError as error:
            raise unavailable(error) from error

    def _write(self, group: list[_Put]) -> None:
        if self._gathering is group:
            self._gathering = None
        files = [(put.path, put.body) for put in group]
        written = asyncio.get_running_loop().run_in_executor(None, self._directory.write, files)
        written.add_done_callback(lambda _: _tell(group, written))

    async def get(self, path: str) -> bytes:
        try:
            return await super().get(path)
        except ArtifactMissing:
            self._check_root()
            raise

    async def get_range(self, path: str, start: int, end: int) -> bytes:
        try:
            return await super().get_range(path, start, end)
        except ArtifactMissing:
            self._check_root()
            raise

    def _check_root(self) -> None:
        """Without its root, nobody knows what is missing: somebody may be moving the disk."""
        if not self._root.is_dir():
            raise refused("is not there")

    async def discard(self, paths: Iterable[str]) -> None:
        try:
            await asyncio.to_thread(self._directory.remove, list(paths))
        except OSError as error:
            raise unavailable(error) from error

    async def free_bytes(self) -> int | None:
        try:
            return await asyncio.to_thread(self._directory.free_bytes)
        except OSError as error:
            raise unavailable(error) from error


@dataclass(frozen=True, slots=True)
class _Put:
    path: str
    body: bytes
    written: asyncio.Future[None]


def _tell(group: list[_Put], written: asyncio.Future[list[OSError | None]]) -> None:
    broken = written.exception()
    errors = written.result() if broken is None else [broken] * len(group)
    for put, error in zip(group, errors, strict=True):
        if put.written.done():
            continue
        if error is None:
            put.written.set_result(None)
        else:
            put.written.set_exception(error)


class DurableDirectory:
    """Files below `root` that survive a power cut. Its methods block: call them in threads."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = str(root)
        self._durable: set[str] = set()
        """Names in the root that have been flushed to disk."""

    def write(self, files: Sequence[tuple[str, bytes]]) -> list[OSError | None]:
        """Writes whole files, replacing earlier ones; returns the error of each, or None.

        Files of one directory share its flush; a journal commits together what it can. A file that
        is not whole is removed: on a full disk, its beginning would take the room of others.
        """
        errors: list[OSError | None] = [None] * len(files)
        descriptors: dict[int, int] = {}
        for number, (path, body) in enumerate(files):
            try:
                descriptors[number] = self._write(path, body)
            except OSError as error:
                errors[number] = error
        for number, descriptor in descriptors.items():
            try:
                os.fsync(descriptor)
            except OSError as error:
                errors[number] = error
                self._drop(files[number][0])
            finally:
                os.close(descriptor)
        directories = [_parent(path) for path, _ in files]
        for directory in set(directories):
            try:
                self._flush_names(directory)
            except OSError as error:
                for number, of_file in enumerate(directories):
                    if of_file == directory:
                        errors[number] = errors[number] or error
        return errors

    def remove(self, paths: Iterable[str]) -> None:
        """Removes files or whole directories. An emptied parent stays until its job expires.

        Raises OSError, after all others were removed.
        """
        errors: list[OSError] = []
        for path in paths:
            try:
                self._remove(self._at(path))
            except OSError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._root).free

    def _remove(self, target: str) -> None:
        with suppress(FileNotFoundError):
            try:
                os.unlink(target)
            except (IsADirectoryError, PermissionError) as error:  # the latter on macOS
                # Errors are ignored: two processes may remove the same directory.
                shutil.rmtree(target, ignore_errors=True)
                if os.path.lexists(target):
                    raise OSError(f"{target} could not be removed") from error

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _write(self, path: str, body: bytes) -> int:
        """Writes the file and returns its descriptor, which the caller flushes and closes."""
        try:
            descriptor = self._open(path)
        except FileNotFoundError:
            os.makedirs(self._at(_parent(path)), exist_ok=True)
            descriptor = self._open(path)
        try:
            rest = memoryview(body)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except BaseException:
            os.close(descriptor)
            self._drop(path)
            raise
        return descriptor

    def _drop(self, path: str) -> None:
        with suppress(OSError):
            os.unlink(self._at(path))

    def _open(self, path: str) -> int:
        return os.open(self._at(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)

    def _flush_names(self, directory: str) -> None:
        """Flushes the directory and its parents; the root only once for each tenant."""
        tenant, _, _ = directory.partition("/")
        while directory:
            _flush_directory(self._at(directory))
            directory = _parent(directory)
        if tenant not in self._durable:
            _flush_directory(self._root)
            self._durable.add(tenant)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _flush_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
