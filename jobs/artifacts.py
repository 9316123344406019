"""Artifacts: the bytes a job reads or wrote, in a local directory or an object store (`obstore` behind both).

Paths are ``{tenant}/{job}/{claim}/{name}``; an input has claim 0. An artifact is durable when `put` returns, and it is
written before any record names it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from jobs.errors import StoreUnavailable
from jobs.settings import Settings


class ArtifactMissing(Exception):
    """There is no such artifact (any more)."""


def input_path(tenant: str, job_id: str) -> str:
    return f"{tenant}/{job_id}/0/input"


def result_path(tenant: str, job_id: str, claim: int) -> str:
    return f"{tenant}/{job_id}/{claim}/result"


class Artifacts:
    """Reads and writes artifacts. All methods raise `StoreUnavailable` where the object store fails."""

    def __init__(self, store: ObjectStore, root: Path | None = None) -> None:
        self._store = store
        self._root = root
        """The directory of a local store, whose files must be fsynced by us."""

    @classmethod
    def open(cls, settings: Settings) -> Artifacts:
        """The store that `settings.artifacts` names; credentials for clouds come from the environment."""
        url = urlsplit(settings.artifacts)
        if url.scheme == "file":
            root = Path(unquote(url.path))
            root.mkdir(parents=True, exist_ok=True)
            return cls(LocalStore(root), root)
        return cls(from_url(settings.artifacts))

    async def put(self, path: str, body: bytes) -> None:
        """Writes the whole artifact, replacing an earlier one."""
        if self._root is not None:
            await asyncio.to_thread(_put_durably, self._root / path, body)
            return
        try:
            await obstore.put_async(self._store, path, body)
        except BaseError as error:
            raise _unavailable(error) from error

    async def get(self, path: str) -> bytes:
        """Raises ArtifactMissing."""
        try:
            found = await obstore.get_async(self._store, path)
            return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise ArtifactMissing(path) from error
        except BaseError as error:
            raise _unavailable(error) from error

    async def get_range(self, path: str, start: int, end: int) -> bytes:
        """Bytes `start` to `end` (exclusive). Raises ArtifactMissing."""
        try:
            return bytes(await obstore.get_range_async(self._store, path, start=start, end=end))
        except (NotFoundError, FileNotFoundError) as error:
            raise ArtifactMissing(path) from error
        except BaseError as error:
            raise _unavailable(error) from error

    async def discard(self, prefixes: Iterable[str]) -> None:
        """Removes everything at or below each prefix; what is gone already is no error."""
        for prefix in prefixes:
            if self._root is not None:
                await asyncio.to_thread(_remove, self._root / prefix)
                continue
            try:
                batches = obstore.list(self._store, prefix=prefix)
                async for batch in batches:
                    await obstore.delete_async(self._store, [str(item["path"]) for item in batch])
            except BaseError as error:
                raise _unavailable(error) from error


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"The artifact store failed ({type(error).__name__}). Try again soon.")


def _put_durably(target: Path, body: bytes) -> None:
    """Temporary file, fsync, rename, fsync of the directory: after a power cut it is all there or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    with open(partial, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, target)
    _fsync_directory(target.parent)
    # A new job's directories are entries of their parents: two levels are new at most.
    _fsync_directory(target.parent.parent)
    _fsync_directory(target.parent.parent.parent)


def _fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(target: Path) -> None:
    """A file or a whole directory; emptied parents stay until their job's record goes."""
    if target.is_dir():
        shutil.rmtree(target, ignore_errors=True)
    else:
        target.unlink(missing_ok=True)
