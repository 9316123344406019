"""Artifacts: the bytes that jobs read and write.

The result of a claim is ``{tenant}/{job}.{claim}``: in a local directory, one new name in one that
exists already. The input of a job is below ``{tenant}/{job}/0``. An artifact is durable when `put`
returns, and no record names it before, so one that a crash left half-written is never read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import from_url

from jobs.core.settings import ARTIFACTS_EXPECTED, BadSetting, Settings
from jobs.store.artifacts.directory import DirectoryArtifacts
from jobs.store.artifacts.object import ObjectArtifacts
from jobs.store.artifacts.redis import RedisArtifacts
from jobs.store.scripts import Scripts

if TYPE_CHECKING:
    from obstore.store import RetryConfig

OBJECT_STORE_RETRIES: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}
"""A client is told of an outage while it still listens, and a worker tries again by itself. The
client's own default is ten tries in three minutes."""


def input_path(tenant: str, job_id: str) -> str:
    return f"{tenant}/{job_id}/0/input"


def file_path(tenant: str, job_id: str, digest: str) -> str:
    """Returns the path of an uploaded file, by the hex SHA-256 of its content."""
    return f"{tenant}/{job_id}/0/files/{digest}"


def inputs_prefix(tenant: str, job_id: str) -> str:
    """Returns the path above everything that a submission wrote for the job."""
    return f"{tenant}/{job_id}"


def result_path(tenant: str, job_id: str, claim: int) -> str:
    return f"{tenant}/{job_id}.{claim}"


class Artifacts(Protocol):
    """Keeps artifacts. All methods may raise `ArtifactsUnavailable` and `StoreUnavailable`."""

    async def put(self, path: str, body: bytes) -> None:
        """Writes the whole artifact, replacing an earlier one. Raises ArtifactTooLarge."""

    async def get(self, path: str) -> bytes:
        """Raises ArtifactMissing."""

    async def get_range(self, path: str, start: int, end: int) -> bytes:
        """Bytes `start` to `end` (exclusive). Raises ArtifactMissing."""

    async def discard(self, paths: Iterable[str]) -> None:
        """Removes everything at or below each path. Paths that do not exist are no error."""

    async def check_room(self) -> None:
        """Raises StoreFull if a quota is used up. Called before a job is accepted."""

    async def free_bytes(self) -> int | None:
        """Returns how much room is left on its disk; None if it has none of its own."""


def open_artifacts(settings: Settings, scripts: Scripts) -> Artifacts:
    """Opens `settings.artifacts`; clouds need credentials in the environment. Raises BadSetting."""
    url = urlsplit(settings.artifacts)
    try:
        if url.scheme == "redis":
            return RedisArtifacts(scripts, settings.artifacts)
        if url.scheme == "file":
            return DirectoryArtifacts(Path(unquote(url.path)))
        return ObjectArtifacts(from_url(settings.artifacts, retry_config=OBJECT_STORE_RETRIES))
    except (OSError, ValueError, BaseError) as error:
        reason = str(error).partition("\n")[0]  # obstore appends the messages of its causes
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
