from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.core.secret_key import derive_key, load_secret_keys
from jobs.core.settings import BadSetting, Settings


def test_the_setting_is_used_as_it_is(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, secret_key=("a" * 32, "b" * 32))

    assert load_secret_keys(settings) == ("a" * 32, "b" * 32)
    assert list(tmp_path.iterdir()) == []


def test_an_unset_key_is_made_once_and_readable_only_by_its_owner(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new")

    made = load_secret_keys(settings)

    assert load_secret_keys(settings) == made
    assert len(made[0]) >= 32
    (path,) = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    with ThreadPoolExecutor(16) as threads:
        keys = set(threads.map(load_secret_keys, [settings] * 64))

    assert len(keys) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_an_invalid_key_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("short")

    with pytest.raises(BadSetting, match="PRESSRUN_SECRET_KEY"):
        load_secret_keys(Settings(data_dir=tmp_path))


def test_a_data_directory_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BadSetting, match="PRESSRUN_SECRET_KEY"):
        load_secret_keys(Settings(data_dir=tmp_path / "file"))


def test_each_purpose_has_its_own_key() -> None:
    assert derive_key("a" * 32, "tokens") != derive_key("a" * 32, "webhooks")
    assert derive_key("a" * 32, "tokens") == derive_key("a" * 32, "tokens")
    assert len(derive_key("a" * 32, "tokens")) == 32
