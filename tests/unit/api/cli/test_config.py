from click.testing import CliRunner

from api.cli import main


def shown(**environ: str) -> dict[str, list[str]]:
    result = CliRunner().invoke(main, ["config"], env=environ)
    assert result.exit_code == 0, result.output
    return {cells[0]: cells[1:] for line in result.output.splitlines() if (cells := line.split())}


def test_shows_value_and_source() -> None:
    rows = shown(PRESSRUN_RENDER_TIMEOUT="90")
    assert rows["PRESSRUN_RENDER_TIMEOUT"] == ["90", "environment"]
    assert rows["PRESSRUN_DRAIN_SECONDS"] == ["20", "default"]
    assert rows["PRESSRUN_PUBLIC_URL"] == ["http://localhost:8000", "derived"]


def test_shows_no_secret() -> None:
    secret = "s3cr3t" * 8
    environ = {
        "PRESSRUN_SECRET_KEY": secret,
        "PRESSRUN_API_KEYS": f"acme:{secret}",
        "REDIS_URL": f"redis://:{secret}@store:6379/0",
    }
    result = CliRunner().invoke(main, ["config"], env=environ)
    assert result.exit_code == 0
    assert "s3cr3t" not in result.output
    assert result.output.count("(set, not shown)") == 3


def test_shows_values_with_brackets_unchanged() -> None:
    assert shown(PRESSRUN_HOST="[::1]")["PRESSRUN_HOST"] == ["[::1]", "environment"]


def test_shows_long_values_whole() -> None:
    url = f"https://{'long.' * 40}example.com"
    assert shown(PRESSRUN_PUBLIC_URL=url)["PRESSRUN_PUBLIC_URL"] == [url, "environment"]


def test_a_bad_value_is_explained_with_exit_code_2() -> None:
    result = CliRunner().invoke(main, ["config"], env={"PORT": "http"})
    assert result.exit_code == 2
    assert "PORT is 'http'. It may be: a TCP port from 1 to 65535." in result.output
