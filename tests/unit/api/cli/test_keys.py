from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.cli import main
from jobs.core.secret_key import load_secret_keys
from jobs.core.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSRUN_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("PRESSRUN_SECRET_KEY", raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["keys", "new", *arguments])


def new(*arguments: str) -> dict[str, str]:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return dict(line.split("=", 1) for line in result.stdout.splitlines())


def test_prints_settings_that_are_accepted() -> None:
    (key,) = Settings.from_env(new("--tenant", "acme-2")).api_keys
    assert key.tenant == "acme-2"


def test_prints_new_keys_each_time() -> None:
    first, second = new(), new()
    assert first.keys() == second.keys() == {"PRESSRUN_API_KEYS", "PRESSRUN_SECRET_KEY"}
    assert all(first[name] != second[name] for name in first)


def test_keeps_the_secret_key_of_the_data_directory(tmp_path: Path) -> None:
    """Webhook secrets were encrypted with it while PRESSRUN_SECRET_KEY was not set."""
    in_use = load_secret_keys(Settings(data_dir=tmp_path))
    assert Settings.from_env(new()).secret_key == in_use
    assert f"is the key in {tmp_path / 'secret_key'}" in run().stderr


def test_prints_no_secret_key_if_one_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_secret_keys(Settings(data_dir=tmp_path))
    monkeypatch.setenv("PRESSRUN_SECRET_KEY", "s" * 32)
    assert new().keys() == {"PRESSRUN_API_KEYS"}
    assert "PRESSRUN_SECRET_KEY is set: leave it" in run().stderr


def test_prints_a_secret_key_if_only_api_keys_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSRUN_API_KEYS", f"acme:{'k' * 16}")
    assert "PRESSRUN_SECRET_KEY" in new()


def test_reports_a_secret_key_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("short")
    result = run()
    assert result.exit_code == 2
    assert "secret_key holds no key" in result.stderr


@pytest.mark.parametrize("tenant", ["", "a b", "a,b", "a:b", "ä", "x" * 65])
def test_refuses_a_tenant_name_that_the_settings_refuse(tenant: str) -> None:
    result = run("--tenant", tenant)
    assert result.exit_code == 2
    assert "--tenant" in result.output
