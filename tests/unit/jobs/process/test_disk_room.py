from pathlib import Path

from jobs.process.disk_room import has_room


def test_this_disk_has_room(tmp_path: Path) -> None:
    assert has_room(tmp_path)
