"""Artifacts: the bytes a job reads or wrote.

The result of a claim is ``{tenant}/{job}.{claim}``: in a local directory, one new name in a directory that is there
already. What a submission brought lies below ``{tenant}/{job}/0``. An artifact is durable when `put` returns, and it is
written before any record names it: what a crash leaves half-written is never read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from jobs.core.errors.store import ArtifactMissing, StoreUnavailable
from jobs.core.settings import ARTIFACTS_EXPECTED, BadSetting, Settings
from jobs.store.artifacts.directory import DurableDirectory
from jobs.store.artifacts.redis import RedisArtifacts
from jobs.store.scripts import Scripts

_MAX_GROUP_BYTES = 1024**2
"""Larger ones are written at the same time, not one after the other."""


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
    """The place that `settings.artifacts` names; credentials for clouds come from the environment.

    Raises:
        BadSetting: a directory cannot be made, or the environment lacks what a cloud needs.
    """
    url = urlsplit(settings.artifacts)
    try:
        if url.scheme == "redis":
            return RedisArtifacts.from_url(settings.artifacts, scripts)
        if url.scheme == "file":
            return DirectoryArtifacts(Path(unquote(url.path)))
        return ObjectArtifacts(from_url(settings.artifacts))
    except (OSError, ValueError, BaseError) as error:
        reason = str(error).partition("\n")[0]  # obstore goes on with what its sources say
        if settings.artifacts_url:
            raise BadSetting(
                "PRESSRUN_ARTIFACTS_URL",
                f"is {settings.artifacts_url!r}, which cannot be opened ({reason})",
                ARTIFACTS_EXPECTED,
            ) from error
        raise BadSetting(
            "PRESSRUN_DATA_DIR",
            f"is {str(settings.data_dir)!r}, which cannot be used ({reason})",
            "a directory, made where it is missing",
        ) from error


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
        self._directory = DurableDirectory(root)
        super().__init__(LocalStore(root))
        self._gathering: list[_Put] | None = None

    async def put(self, path: str, body: bytes) -> None:
        """Artifacts that are put in one turn of the event loop are written in one turn of a thread."""
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
            raise _unavailable(error) from error

    def _write(self, group: list[_Put]) -> None:
        if self._gathering is group:
            self._gathering = None
        files = [(put.path, put.body) for put in group]
        written = asyncio.get_running_loop().run_in_executor(None, self._directory.write, files)
        written.add_done_callback(lambda _: _tell(group, written))

    async def discard(self, paths: Iterable[str]) -> None:
        await asyncio.to_thread(self._directory.remove, list(paths))


@dataclass(frozen=True, slots=True)
class _Put:
    """An artifact that is written together with others."""

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


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"The artifact store failed ({type(error).__name__}). Try again soon.")
