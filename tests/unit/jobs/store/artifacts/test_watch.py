from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from jobs.core.errors.store import ArtifactsUnavailable, StoreFull, StoreUnavailable
from jobs.process.disk_room import MIN_FREE_BYTES
from jobs.store.artifacts.directory import DirectoryArtifacts
from jobs.store.artifacts.object import unavailable
from jobs.store.artifacts.watch import ArtifactWatch, check_writable


class FaultyArtifacts(DirectoryArtifacts):
    error: Exception | None = None
    free: int | None = MIN_FREE_BYTES
    puts = 0

    async def put(self, path: str, body: bytes) -> None:
        self.puts += 1
        if self.error is not None:
            raise self.error
        await super().put(path, body)

    async def free_bytes(self) -> int | None:
        return self.free


@pytest.fixture
def artifacts(tmp_path: Path) -> FaultyArtifacts:
    return FaultyArtifacts(tmp_path)


async def test_a_check_leaves_nothing_behind(artifacts: FaultyArtifacts, tmp_path: Path) -> None:
    await check_writable(artifacts)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_disk_with_next_to_no_room_counts_as_full(artifacts: FaultyArtifacts) -> None:
    artifacts.free = MIN_FREE_BYTES - 1
    with pytest.raises(ArtifactsUnavailable, match="nearly full: 16,777,215 bytes are free"):
        await check_writable(artifacts)
    artifacts.free = None  # a bucket
    await check_writable(artifacts)


async def test_a_directory_that_was_removed_is_made_again(tmp_path: Path) -> None:
    artifacts = DirectoryArtifacts(tmp_path / "artifacts")
    shutil.rmtree(tmp_path / "artifacts")
    await check_writable(artifacts)


async def test_nothing_counts_as_missing_while_the_directory_itself_is_away(tmp_path: Path) -> None:
    artifacts = DirectoryArtifacts(tmp_path / "artifacts")
    await artifacts.put("acme/job_1.1", b"result")
    (tmp_path / "artifacts").rename(tmp_path / "elsewhere")
    with pytest.raises(ArtifactsUnavailable, match="is not there"):
        await artifacts.get("acme/job_1.1")
    with pytest.raises(ArtifactsUnavailable, match="is not there"):
        await artifacts.get_range("acme/job_1.1", 0, 1)
    (tmp_path / "elsewhere").rename(tmp_path / "artifacts")
    assert await artifacts.get("acme/job_1.1") == b"result"


async def test_a_directory_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    artifacts = DirectoryArtifacts(tmp_path / "artifacts")
    (tmp_path / "artifacts").rmdir()
    (tmp_path / "artifacts").write_bytes(b"")
    with pytest.raises(ArtifactsUnavailable, match="is not there"):
        await check_writable(artifacts)


async def test_each_change_is_one_line_of_the_log(artifacts: FaultyArtifacts) -> None:
    watch = ArtifactWatch(artifacts)
    with capture_logs() as logs:
        assert await watch.look() is None
        for error in (
            unavailable(OSError(errno.ENOSPC, "full")),
            StoreFull("Full."),
            ArtifactsUnavailable("Away."),
        ):
            artifacts.error = error
            assert await watch.look() is error
        artifacts.error = StoreUnavailable("The store is away.")
        assert await watch.look() is not None, "nobody knows, so it stays as it was"
        artifacts.error = None
        for _ in range(2):
            assert await watch.look() is None
    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("error", "artifacts.refused"),
        ("info", "artifacts.accepted_again"),
    ]


async def test_a_young_answer_is_given_again(artifacts: FaultyArtifacts) -> None:
    watch = ArtifactWatch(artifacts)
    for _ in range(3):
        await watch.look(max_age_s=3600)
    assert artifacts.puts == 1


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full: its disk quota is used up"),
        (errno.EROFS, "is read-only"),
        (errno.EACCES, "refuses access"),
        (errno.EIO, "has a disk that fails"),
    ],
)
def test_the_reason_is_said_in_words_and_without_paths(number: int, reason: str) -> None:
    text = str(unavailable(OSError(number, "…", "/srv/secret/place")))
    assert text.startswith(f"The place for documents and results {reason}. ")
    assert "/srv" not in text


async def test_a_disk_for_temporary_files_that_is_away_is_said_so(
    artifacts: FaultyArtifacts, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    watch = ArtifactWatch(artifacts, scratch)
    assert await watch.look() is None
    scratch.rmdir()
    assert "temporary files (TMPDIR) of a worker cannot be used" in str(await watch.look())
    with pytest.raises(ArtifactsUnavailable):
        await watch.check_scratch()
