"""Artifacts in an object store."""

from __future__ import annotations

from collections.abc import Iterable

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import ObjectStore

from jobs.core.errors.store import ArtifactMissing, StoreUnavailable


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


def unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"The artifact store failed ({type(error).__name__}). Try again soon.")
