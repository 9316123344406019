"""Artifacts in an object store."""

from __future__ import annotations

import errno
from collections.abc import Iterable

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore

from jobs.core.errors.store import ArtifactMissing, ArtifactsUnavailable

_REASONS = {
    errno.ENOSPC: "is full",
    errno.EDQUOT: "is full: its disk quota is used up",
    errno.EFBIG: "takes no file of this size",
    errno.EROFS: "is read-only",
    errno.EACCES: "refuses access",
    errno.EPERM: "refuses access",
    errno.ENOENT: "is not there",
    errno.ENOTDIR: "is not there",
    errno.EIO: "has a disk that fails",
    errno.ESTALE: "is a network disk that is away",
}


class ObjectArtifacts:
    """Keeps artifacts in S3, GCS, Azure, or another store that `obstore` supports."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, path: str, body: bytes) -> None:
        try:
            await obstore.put_async(self._store, path, body)
        except BaseError as error:
            raise unavailable(error) from error

    async def get(self, path: str) -> bytes:
        try:
            found = await obstore.get_async(self._store, path)
            return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise ArtifactMissing(path) from error
        except BaseError as error:
            raise unavailable(error) from error

    async def get_range(self, path: str, start: int, end: int) -> bytes:
        try:
            return bytes(await obstore.get_range_async(self._store, path, start=start, end=end))
        except (NotFoundError, FileNotFoundError) as error:
            raise ArtifactMissing(path) from error
        except BaseError as error:
            raise unavailable(error) from error

    async def discard(self, paths: Iterable[str]) -> None:
        for path in paths:
            below: list[str] = []
            try:
                async for batch in obstore.list(self._store, prefix=path):
                    below += [str(item["path"]) for item in batch]
                # The path itself comes last: some stores stop at a path that does not exist.
                await obstore.delete_async(self._store, [*below, path])
            except (NotFoundError, FileNotFoundError):
                continue
            except BaseError as error:
                raise unavailable(error) from error

    async def check_room(self) -> None:
        return

    async def free_bytes(self) -> int | None:
        return None


def unavailable(error: Exception) -> ArtifactsUnavailable:
    """Says why, without names: clients read it, too."""
    if isinstance(error, OSError):
        reason = _REASONS.get(error.errno or 0, f"fails ({type(error).__name__})")
    elif isinstance(error, PermissionDeniedError | UnauthenticatedError):
        reason = "refuses access"
    else:
        reason = f"does not answer, or answers with an error ({type(error).__name__})"
    return refused(reason)


def refused(reason: str) -> ArtifactsUnavailable:
    return ArtifactsUnavailable(
        f"The place for documents and results {reason}. "
        "Try again later: work goes on as soon as it takes documents again."
    )
