"""Artifacts in the store itself (`redis:`), for small installations whose machines share no disk.

``redis:?max_mb=256`` caps all artifacts together (default 256 MiB). Once it is reached, new jobs
are refused, while those accepted may still write their results.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobs.core.errors.store import ArtifactMissing, ArtifactTooLarge, StoreFull, StoreUnavailable
from jobs.core.settings import max_artifacts_mb
from jobs.store import keys
from jobs.store.client import translated_errors
from jobs.store.scripts import Scripts

MIB = 1024**2
CHUNK_BYTES = MIB // 4
MAX_ARTIFACT_BYTES = 16 * MIB
UNCOMMITTED_TTL_S = 600
"""Chunks that a dying process wrote and never committed go by themselves."""


class RedisArtifacts:
    """Writes chunks with an expiry; then one step keeps them, and names and counts the artifact.

    A process that dies in between leaves chunks that expire. Sent again, the step changes nothing.
    """

    def __init__(self, scripts: Scripts, url: str) -> None:
        self._scripts = scripts
        self._redis = scripts.redis
        self._max_bytes = max_artifacts_mb(url) * MIB

    async def put(self, path: str, body: bytes) -> None:
        if len(body) > MAX_ARTIFACT_BYTES:
            raise ArtifactTooLarge(
                f"{len(body)} bytes do not fit: an artifact in the store may have {MAX_ARTIFACT_BYTES}. "
                "Set PRESSRUN_ARTIFACTS_URL to a directory or an object store for larger documents."
            )
        chunks = [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)] or [b""]
        with translated_errors():
            async with self._redis.pipeline(transaction=False) as pipe:
                for number, chunk in enumerate(chunks):
                    pipe.set(_chunk(path, number), chunk, ex=UNCOMMITTED_TTL_S)
                await pipe.execute()
        answer = await self._scripts.call("artifact_commit", path=path, size=len(body), chunks=len(chunks))
        if answer == b"gone":
            raise StoreUnavailable(
                "The store removed a part of the document before the rest was written. Send it again. If this "
                "happens again, set maxmemory-policy noeviction in the store."
            )

    async def get(self, path: str) -> bytes:
        return await self.get_range(path, 0, MAX_ARTIFACT_BYTES)

    async def get_range(self, path: str, start: int, end: int) -> bytes:
        name, below = _split(path)
        with translated_errors():
            size = await self._redis.hget(keys.ARTIFACTS + name, below)  # type: ignore[misc]
            if size is None:
                raise ArtifactMissing(path)
            first, last = start // CHUNK_BYTES, max(0, min(end, int(size)) - 1) // CHUNK_BYTES
            chunks = await self._redis.mget(
                [_chunk(path, number) for number in range(first, max(first, last) + 1)]
            )
        if any(chunk is None for chunk in chunks):
            raise ArtifactMissing(path)
        return b"".join(chunks)[start - first * CHUNK_BYTES : end - first * CHUNK_BYTES]

    async def discard(self, paths: Iterable[str]) -> None:
        for path in paths:
            top, below = _split(path)
            await self._scripts.call("artifact_discard", top=top, path=below, chunk_bytes=CHUNK_BYTES)

    async def check_room(self) -> None:
        with translated_errors():
            used = int(await self._redis.get(keys.ARTIFACT_BYTES) or 0)
        if used >= self._max_bytes:
            raise StoreFull(
                f"Artifacts use {used // MIB} MiB of the {self._max_bytes // MIB} they may. Delete jobs, wait until "
                "results expire, or raise max_mb in PRESSRUN_ARTIFACTS_URL."
            )

    async def free_bytes(self) -> int | None:
        return None


def _split(path: str) -> tuple[str, str]:
    """Returns ``tenant/name``, which has an index, and what follows: "" for that name itself."""
    tenant, _, rest = path.partition("/")
    name, _, below = rest.partition("/")
    return f"{tenant}/{name}", below


def _chunk(path: str, number: int) -> str:
    return f"{keys.ARTIFACT}{path}:{number}"
