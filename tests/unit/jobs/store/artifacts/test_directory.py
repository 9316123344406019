from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.store.artifacts.directory import DurableDirectory


@pytest.fixture
def directory(tmp_path: Path) -> DurableDirectory:
    return DurableDirectory(tmp_path)


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes that were flushed, in order."""
    inodes: list[int] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        inodes.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    return inodes


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Marks files and directories whose flush fails."""
    inodes: set[int] = set()
    fsync = os.fsync

    def fails(descriptor: int) -> None:
        if os.fstat(descriptor).st_ino in inodes:
            raise OSError("broken")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fails)
    return lambda path: inodes.add(path.stat().st_ino)


def test_files_are_written_whole_and_replace_earlier_ones(
    directory: DurableDirectory, tmp_path: Path
) -> None:
    assert directory.write([("acme/a", b"first, and longer"), ("acme/job/0/input", b"")]) == [None, None]
    assert directory.write([("acme/a", b"second")]) == [None]
    assert (tmp_path / "acme/a").read_bytes() == b"second"
    assert (tmp_path / "acme/job/0/input").read_bytes() == b""


def test_a_file_is_flushed_and_then_every_directory_above_it(
    directory: DurableDirectory, tmp_path: Path, flushed: list[int]
) -> None:
    directory.write([("acme/job/0/input", b"x")])
    names = ("acme/job/0/input", "acme/job/0", "acme/job", "acme", "")
    assert flushed == [(tmp_path / name).stat().st_ino for name in names]


def test_files_of_one_directory_share_its_flush_and_known_parents_are_not_flushed_again(
    directory: DurableDirectory, tmp_path: Path, flushed: list[int]
) -> None:
    directory.write([("acme/a", b"x")])
    flushed.clear()
    directory.write([("acme/b", b"x"), ("acme/c", b"x")])
    assert flushed == [(tmp_path / name).stat().st_ino for name in ("acme/b", "acme/c", "acme")]


def test_a_file_that_cannot_be_written_does_not_affect_other_files(
    directory: DurableDirectory, tmp_path: Path
) -> None:
    (tmp_path / "acme").write_bytes(b"a file where a directory should be")
    wrong, right = directory.write([("acme/a", b"x"), ("other/a", b"x")])
    assert isinstance(wrong, OSError)
    assert right is None
    assert (tmp_path / "other/a").read_bytes() == b"x"


def test_a_file_whose_flush_fails_is_reported_as_not_durable(
    directory: DurableDirectory, tmp_path: Path, broken: Callable[[Path], None]
) -> None:
    directory.write([("acme/a", b"x"), ("acme/b", b"x")])
    broken(tmp_path / "acme/a")
    wrong, right = directory.write([("acme/a", b"y"), ("acme/b", b"y")])
    assert isinstance(wrong, OSError)
    assert right is None


def test_no_file_is_durable_in_a_directory_whose_flush_fails(
    directory: DurableDirectory, tmp_path: Path, broken: Callable[[Path], None]
) -> None:
    directory.write([("acme/a", b"x"), ("other/a", b"x")])
    broken(tmp_path / "acme")
    errors = directory.write([("acme/a", b"y"), ("other/a", b"y"), ("acme/b", b"y")])
    assert [error is None for error in errors] == [False, True, False]


def test_no_descriptor_stays_open(
    directory: DurableDirectory, broken: Callable[[Path], None], tmp_path: Path
) -> None:
    directory.write([("acme/a", b"x")])
    broken(tmp_path / "acme/a")
    probe = os.open(tmp_path, os.O_RDONLY)
    os.close(probe)
    directory.write([("acme/a", b"x"), ("acme/a/below", b"x"), ("acme/b", b"x")])
    again = os.open(tmp_path, os.O_RDONLY)
    os.close(again)
    assert again == probe


def test_remove_deletes_files_and_whole_directories_and_nothing_else(
    directory: DurableDirectory, tmp_path: Path
) -> None:
    directory.write([(path, b"x") for path in ("acme/a.1", "acme/a/0/input", "acme/ab.1")])
    directory.remove(["acme/a.1", "acme/a/0", "acme/never-there"])
    assert [path.name for path in sorted(tmp_path.rglob("*")) if path.is_file()] == ["ab.1"]


def test_what_cannot_be_removed_is_said_after_all_others_were_removed(
    directory: DurableDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.write([("acme/stays/0/input", b"x"), ("acme/goes", b"x")])

    def read_only(path: str, **_: object) -> None:
        raise OSError(errno.EROFS, "read-only file system", path)

    monkeypatch.setattr(os, "rmdir", read_only)
    with pytest.raises(OSError, match="could not be removed"):
        directory.remove(["acme/stays", "acme/goes", "acme/never"])
    assert not (tmp_path / "acme/goes").exists()


def test_nothing_stays_of_a_file_that_does_not_fit(directory: DurableDirectory, tmp_path: Path) -> None:
    """`/dev/full` refuses every write as a full disk does."""
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme/a").symlink_to("/dev/full")
    error, fits = directory.write([("acme/a", b"x"), ("acme/b", b"x")])
    assert (error and error.errno, fits) == (errno.ENOSPC, None)
    assert [path.name for path in (tmp_path / "acme").iterdir()] == ["b"]
    assert directory.write([("acme/a", b"x")]) == [None]


def test_nothing_stays_of_a_file_whose_flush_fails(
    directory: DurableDirectory, tmp_path: Path, broken: Callable[[Path], None]
) -> None:
    directory.write([("acme/a", b"x")])
    broken(tmp_path / "acme/a")
    directory.write([("acme/a", b"y")])
    assert list((tmp_path / "acme").iterdir()) == []
