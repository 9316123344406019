"""Files in a directory that are there after a power cut too. Blocking; for threads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path


class DurableDirectory:
    """A tree of files below `root`; their paths are relative to it, with ``/``."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = str(root)
        self._durable: set[str] = set()
        """Names in the root that are known to last."""

    def write(self, files: Sequence[tuple[str, bytes]]) -> list[OSError | None]:
        """Writes whole files, replacing earlier ones; says of each what went wrong, None where it is durable.

        Files of one directory share its flush, and a file system with a journal commits together what it can.
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
        """Files or whole directories; emptied parents stay until their job's record goes."""
        for path in paths:
            target = self._at(path)
            try:
                os.unlink(target)
            except FileNotFoundError:
                pass
            except (IsADirectoryError, PermissionError):  # the latter on macOS
                shutil.rmtree(target, ignore_errors=True)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _write(self, path: str, body: bytes) -> int:
        """The descriptor of the file, which is to be flushed and closed."""
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
            raise
        return descriptor

    def _open(self, path: str) -> int:
        return os.open(self._at(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)

    def _flush_names(self, directory: str) -> None:
        """That of the directory and those that lead to it; only that of the tenant is known to last from earlier."""
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
