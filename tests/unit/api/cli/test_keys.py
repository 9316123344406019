import pytest
from click.testing import CliRunner

from api.cli import main
from jobs.settings import Settings


def new(*arguments: str) -> dict[str, str]:
    result = CliRunner().invoke(main, ["keys", "new", *arguments])
    assert result.exit_code == 0, result.output
    return dict(line.split("=", 1) for line in result.output.splitlines())


def test_prints_settings_that_are_accepted() -> None:
    (key,) = Settings.from_env(new("--tenant", "acme-2")).api_keys
    assert key.tenant == "acme-2"


def test_never_prints_the_same_twice() -> None:
    first, second = new(), new()
    assert first.keys() == second.keys() == {"PRESSRUN_API_KEYS", "PRESSRUN_SECRET_KEY"}
    assert all(first[name] != second[name] for name in first)


@pytest.mark.parametrize("tenant", ["", "a b", "a,b", "a:b", "ä", "x" * 65])
def test_refuses_a_name_that_settings_would_refuse(tenant: str) -> None:
    result = CliRunner().invoke(main, ["keys", "new", "--tenant", tenant])
    assert result.exit_code == 2
    assert "--tenant" in result.output
