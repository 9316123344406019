import os
from pathlib import Path

from jobs.render.parent.scratch import Scratch


async def test_what_a_child_has_written_is_removed_with_its_directory(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    empty, full = scratch.for_child(), scratch.for_child()
    (Path(full.make()) / "fonts").mkdir()
    empty.remove()
    assert not Path(empty.path).exists()
    full.remove()
    await scratch.close()
    assert list(tmp_path.iterdir()) == []


async def test_an_empty_directory_is_used_again_and_any_other_is_removed(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    child = scratch.for_child()
    first = child.make()
    child.give_back(first)
    assert child.make() == first
    (Path(first) / "leftover").touch()
    child.give_back(first)
    assert child.make() != first
    await scratch.close()


async def test_children_have_directories_of_their_own(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    one, other = scratch.for_child(), scratch.for_child()
    assert not Path(other.make()).is_relative_to(one.path)
    await scratch.close()


async def test_removing_a_directory_that_does_not_exist_is_no_error(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    scratch.remove(str(tmp_path / "never-there"))
    await scratch.close()


async def test_only_the_user_of_the_worker_can_read_directories(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    child = scratch.for_child()
    for path in (scratch.path, Path(child.path), Path(child.make())):
        assert path.stat().st_mode & 0o777 == 0o700
    await scratch.close()


async def test_the_room_of_all_files_is_counted_but_not_that_of_holes(tmp_path: Path) -> None:
    child = Scratch(tmp_path).for_child()
    folder = Path(child.make())
    assert child.used_bytes(10**9) < 10**6
    (folder / "deep").mkdir()
    (folder / "deep" / "a").write_bytes(os.urandom(3_000_000))
    (folder / "b").write_bytes(os.urandom(1_000_000))
    with (folder / "hole").open("wb") as hole:
        hole.truncate(10**9)
    os.symlink("/", folder / "root")
    assert 4_000_000 <= child.used_bytes(10**9) < 5_000_000
    assert child.used_bytes(2_000_000) == 2_000_001


async def test_very_many_files_are_too_many_however_small(tmp_path: Path) -> None:
    child = Scratch(tmp_path).for_child()
    folder = Path(child.make())
    for number in range(5100):
        (folder / str(number)).touch()
    assert child.used_bytes(10**9) == 10**9 + 1


async def test_directories_of_killed_workers_are_removed_and_those_of_running_ones_are_not(
    tmp_path: Path,
) -> None:
    dead = tmp_path / "pressrun-render-dead"
    dead.mkdir()
    (dead / "lock").touch()
    (dead / "1").mkdir()
    not_ours = tmp_path / "pressrun-render-unlocked"
    not_ours.mkdir()
    living = Scratch(tmp_path)
    other = Scratch(tmp_path)
    assert not dead.exists()
    assert living.path.exists()
    assert not_ours.exists()
    await living.close()
    await other.close()
