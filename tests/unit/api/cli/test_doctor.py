from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.cli import main
from api.cli.doctor import (
    examine_drain,
    examine_eviction,
    examine_fonts,
    examine_isolation,
    examine_replication,
    examine_server,
)
from api.cli.local.platform import DOCKER, HEROKU, KUBERNETES, Platform
from jobs.core.settings import Settings
from jobs.isolation.level import Isolation
from jobs.store.durability import StoreFacts

DURABLE_FACTS = StoreFacts("Valkey 9.1.2", (7, 2, 4), "always", "noeviction", is_cluster=False)


def examined(directory: Path, **environ: str) -> Result:
    return CliRunner().invoke(main, ["doctor"], env={"PRESSRUN_DATA_DIR": str(directory), **environ})


def test_needs_no_running_store_if_up_would_start_one(tmp_path: Path) -> None:
    result = examined(tmp_path, REDIS_URL="")
    assert result.exit_code == 0, result.output
    assert "not running now" in result.output
    assert "ok    links: begin with http://localhost:8000" in result.output


def test_fails_without_the_store_that_redis_url_names(tmp_path: Path, closed_port: int) -> None:
    result = examined(tmp_path, REDIS_URL=f"redis://127.0.0.1:{closed_port}/0")
    assert result.exit_code == 1
    assert "Start it, or correct REDIS_URL" in result.output


def test_fails_with_an_unknown_option_in_redis_url(tmp_path: Path) -> None:
    result = examined(tmp_path, REDIS_URL="redis://localhost/0?unheard_of=1")
    assert result.exit_code == 1
    assert "fail  store: REDIS_URL has an option that does not fit" in result.output


def test_fails_if_artifacts_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file where the directory should be")
    result = examined(tmp_path, REDIS_URL="")
    assert result.exit_code == 1
    assert f"fail  artifacts: PRESSRUN_DATA_DIR is '{tmp_path}'" in result.output


def test_fails_if_the_data_directory_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = examined(tmp_path / "file" / "data", REDIS_URL="")
    assert result.exit_code == 1
    assert "fail  artifacts: PRESSRUN_DATA_DIR is" in result.output


def test_fails_if_artifacts_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "doctor").write_text("a file where a directory should be")
    result = examined(tmp_path, REDIS_URL="")
    assert result.exit_code == 1
    assert "artifacts: file://" in result.output
    assert "cannot be written" in result.output


def test_warns_of_variables_that_are_not_settings(tmp_path: Path) -> None:
    result = examined(tmp_path, REDIS_URL="", PRESSRUN_RENDR_TIMEOUT="5", PRESSRUN_ZZZ="1")
    assert (
        "warn  settings: PRESSRUN_RENDR_TIMEOUT is no setting; did you mean PRESSRUN_RENDER_TIMEOUT?\n"
        in result.output
    )
    assert "warn  settings: PRESSRUN_ZZZ is no setting\n" in result.output
    assert result.exit_code == 0


def test_knows_the_variables_of_the_commands(tmp_path: Path) -> None:
    result = examined(tmp_path, REDIS_URL="", PRESSRUN_URL="http://localhost:8000", PRESSRUN_API_KEY="k" * 16)
    assert "is no setting" not in result.output


def test_leaves_no_artifact_behind(tmp_path: Path) -> None:
    examined(tmp_path, REDIS_URL="")
    assert [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()] == []


def test_names_scripts_that_have_no_font() -> None:
    (finding,) = examine_fonts({"Klingon": "tlh"})
    assert (finding.verdict, finding.text) == ("warn", "none for Klingon: such text becomes boxes")


def test_says_what_to_install_if_fonts_cannot_be_listed(tmp_path: Path) -> None:
    result = examined(tmp_path, REDIS_URL="", PATH="/nonexistent")
    assert "Install fontconfig" in result.output


@pytest.mark.parametrize(
    "environ",
    [
        {"REDIS_URL": "redis://127.0.0.1:1/0"},
        {"REDIS_URL": "", "PRESSRUN_API_KEYS": f"acme:{'k' * 16}", "PRESSRUN_SECRET_KEY": "s" * 32},
    ],
)
def test_warns_of_links_that_do_not_work_on_other_machines(tmp_path: Path, environ: dict[str, str]) -> None:
    result = examined(tmp_path, **environ)
    assert "warn  links: begin with http://localhost" in result.output
    assert "Set PRESSRUN_PUBLIC_URL" in result.output


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (StoreFacts("Redis 6.2.14", (6, 2, 14), "always", "noeviction", False), "Redis 6.2.14 is too old"),
        (StoreFacts("Redis 7.4.0", (7, 4, 0), "always", "noeviction", True), "Redis 7.4.0 is a cluster"),
    ],
)
def test_fails_with_a_store_that_cannot_be_used(facts: StoreFacts, said: str) -> None:
    finding = examine_server(facts)
    assert finding.verdict == "fail"
    assert finding.text == said


def test_warns_if_the_store_tells_nothing() -> None:
    facts = StoreFacts("Redis or Valkey", None, "unknown", "unknown", is_cluster=False)
    assert examine_server(facts).verdict == examine_eviction(facts, Settings()).verdict == "warn"


def test_a_setting_allows_a_store_that_evicts() -> None:
    facts = StoreFacts("Redis 7.4.0", (7, 4, 0), "always", "allkeys-lfu", is_cluster=False)
    assert examine_eviction(facts, Settings()).verdict == "fail"
    assert examine_eviction(facts, Settings(eviction="allow")).verdict == "warn"


@pytest.mark.parametrize(
    ("facts", "url"),
    [
        (DURABLE_FACTS, "redis+sentinel://one,two/mymaster"),
        (replace(DURABLE_FACTS, replicas=2), "redis://store/0"),
        (replace(DURABLE_FACTS, replicas=2, needs_replicas=True), "redis://store/0"),
    ],
)
def test_warns_of_what_a_failover_may_lose(facts: StoreFacts, url: str) -> None:
    (finding,) = examine_replication(facts, Settings(redis_url=url))
    assert finding.verdict == "warn"
    assert "even with appendfsync always" in finding.text
    assert ("Set min-replicas-to-write" in finding.remedy) != facts.needs_replicas


def test_says_nothing_about_replication_if_there_is_none() -> None:
    assert list(examine_replication(DURABLE_FACTS, Settings())) == []


@pytest.mark.parametrize(
    ("platform", "drain_seconds", "verdict"),
    [
        (DOCKER, 5, "ok"),
        (DOCKER, 6, "warn"),
        (HEROKU, 25, "ok"),
        (HEROKU, 26, "warn"),
        (KUBERNETES, 20, "ok"),
        (KUBERNETES, 60, "warn"),
    ],
)
def test_warns_if_the_platform_kills_before_the_drain_is_over(
    platform: Platform, drain_seconds: int, verdict: str
) -> None:
    (finding,) = examine_drain(Settings(drain_seconds=drain_seconds), platform)
    assert finding.verdict == verdict
    assert platform.name in finding.text
    if verdict == "warn":
        assert f"to {platform.stop_seconds - 5} or less" in finding.remedy


def test_says_nothing_about_the_drain_on_an_unknown_platform() -> None:
    assert list(examine_drain(Settings(drain_seconds=3600), None)) == []


def test_a_drain_that_is_too_long_is_no_failure(tmp_path: Path) -> None:
    result = examined(tmp_path, REDIS_URL="", DYNO="worker.1", PRESSRUN_DRAIN_SECONDS="60")
    assert "warn  drain: PRESSRUN_DRAIN_SECONDS is 60, but this seems to be Heroku" in result.output
    assert result.exit_code == 0


def test_isolation_that_is_not_complete_is_a_warning_and_a_failure_if_it_is_required() -> None:
    partial = Isolation("partial", ("Landlock: no",))
    assert examine_isolation(Settings(), Isolation("full")).verdict == "ok"
    warning = examine_isolation(Settings(), partial)
    assert (warning.verdict, warning.text[:23]) == ("warn", "partial (Landlock: no);")
    assert examine_isolation(Settings(isolation="required"), partial).verdict == "fail"
