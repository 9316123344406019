"""Artifacts: the bytes a job reads or wrote.

The result of a claim is ``{tenant}/{job}.{claim}``: in a local directory, one new name in a directory that is there
already. What a submission brought lies below ``{tenant}/{job}/0``. An artifact is durable when `put` returns, and it is
written before any record names it: what a crash leaves half-written is never read.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from jobs.artifacts_redis import RedisArtifacts
from jobs.errors import ArtifactMissing, StoreUnavailable
from jobs.scripts import Scripts
from jobs.settings import Settings


def input_path(tenant: str, job_id: str) -> str:
    return f"{tenant}/{job_id}/0/input"


def file_path(tenant: str, job_id: str, digest: str) -> str:
    """Of a file that was uploaded with the job, by the hex SHA-256 of its content."""
    return f"{tenant}/{job_id}/0/files/{digest}"


def inputs_prefix(tenant: str, job_id: str) -> str:
    """Everything that a submission wrote for the job."""
    return f"{tenant}/{job_id}/0"


def result_path(tenant: str, job_id: str, claim: int) -> str:
    return f"{tenant}/{job_id}.{claim}"


class Artifacts(Protocol):
    """Where artifacts are kept. All methods raise `StoreUnavailable` where that place fails."""

    async def put(self, path: str, body: bytes) -> None:
        """Writes the whole artifact, replacing an earlier one. Raises ArtifactTooLarge where there is a cap."""

    async def get(self, path: str) -> bytes:
        """Raises ArtifactMissing."""

    async def get_range(self, path: str, start: int, end: int) -> bytes:
        """Bytes `start` to `end` (exclusive). Raises ArtifactMissing."""

    async def discard(self, paths: Iterable[str]) -> None:
        """Removes everything at or below each path; what is gone already is no error."""

    async def check_room(self) -> None:
        """Called before a job is accepted. Raises StoreFull where a quota is used up."""


def open_artifacts(settings: Settings, scripts: Scripts) -> Artifacts:
    """The place that `settings.artifacts` names; credentials for clouds come from the environment."""
    url = urlsplit(settings.artifacts)
    if url.scheme == "redis":
        return RedisArtifacts.from_url(settings.artifacts, scripts)
    if url.scheme == "file":
        return DirectoryArtifacts(Path(unquote(url.path)))
    return ObjectArtifacts(from_url(settings.artifacts))


class ObjectArtifacts:
    """In S3, GCS, Azure, or whatever else `obstore` speaks to."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, path: str, body: bytes) -> None:
        try:
            await obstore.put_async(self._store, path, body)
        except BaseError as error:
            raise _unavailable(error) from error

    async def get(self, path: str) -> bytes:
        try:
            found = await obstore.get_async(self._store, path)
            return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise ArtifactMissing(path) from error
        except BaseError as error:
            raise _unavailable(error) from error

    async def get_range(self, path: str, start: int, end: int) -> bytes:
        try:
            return bytes(await obstore.get_range_async(self._store, path, start=start, end=end))
        except (NotFoundError, FileNotFoundError) as error:
            raise ArtifactMissing(path) from error
        except BaseError as error:
            raise _unavailable(error) from error

    async def discard(self, paths: Iterable[str]) -> None:
        for path in paths:
            below: list[str] = []
            try:
                async for batch in obstore.list(self._store, prefix=path):
                    below += [str(item["path"]) for item in batch]
                # The path itself comes last: where there is nothing, some stores stop at it.
                await obstore.delete_async(self._store, [*below, path])
            except (NotFoundError, FileNotFoundError):
                continue
            except BaseError as error:
                raise _unavailable(error) from error

    async def check_room(self) -> None:
        return


class DirectoryArtifacts(ObjectArtifacts):
    """In a local directory, fsynced: after a power cut an artifact that was put is there."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        super().__init__(LocalStore(root))
        self._root = str(root)
        self._durable_tenants: set[str] = set()

    async def put(self, path: str, body: bytes) -> None:
        try:
            await asyncio.to_thread(self._put_durably, path, body)
        except OSError as error:
            raise _unavailable(error) from error

    def _put_durably(self, path: str, body: bytes) -> None:
        """The file, then the directories that lead to it; only that of the tenant is known to last from earlier."""
        try:
            self._write(path, body)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self._at(path)), exist_ok=True)
            self._write(path, body)
        directory = os.path.dirname(path)
        while directory:
            _fsync_directory(self._at(directory))
            directory = os.path.dirname(directory)
        tenant, _, _ = path.partition("/")
        if tenant not in self._durable_tenants:
            _fsync_directory(self._root)
            self._durable_tenants.add(tenant)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _write(self, path: str, body: bytes) -> None:
        with open(self._at(path), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())

    async def discard(self, paths: Iterable[str]) -> None:
        for path in paths:
            await asyncio.to_thread(_remove, self._at(path))


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"The artifact store failed ({type(error).__name__}). Try again soon.")


def _fsync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(target: str) -> None:
    """A file or a whole directory; emptied parents stay until their job's record goes."""
    try:
        os.unlink(target)
    except FileNotFoundError:
        pass
    except (IsADirectoryError, PermissionError):  # the latter on macOS
        shutil.rmtree(target, ignore_errors=True)
