from pathlib import Path

from jobs.render.parent.scratch import Scratch


async def test_empty_and_full_directories_are_removed(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    empty, full = Path(scratch.make()), Path(scratch.make())
    (full / "fonts").mkdir()
    (full / "fonts" / "a.ttf").write_bytes(b"x")
    scratch.remove(str(empty))
    assert not empty.exists()
    scratch.remove(str(full))
    await scratch.close()
    assert list(tmp_path.iterdir()) == []


async def test_an_empty_directory_is_used_again_and_any_other_is_removed(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    clean, used = scratch.make(), Path(scratch.make())
    scratch.give_back(clean)
    assert scratch.make() == clean
    (used / "leftover").touch()
    scratch.give_back(str(used))
    assert scratch.make() != str(used)
    await scratch.close()


async def test_removing_a_directory_that_does_not_exist_is_no_error(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    scratch.remove(str(tmp_path / "never-there"))
    await scratch.close()


async def test_only_the_user_of_the_worker_can_read_directories(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    assert scratch.path.stat().st_mode & 0o777 == 0o700
    assert Path(scratch.make()).stat().st_mode & 0o777 == 0o700
    await scratch.close()


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
