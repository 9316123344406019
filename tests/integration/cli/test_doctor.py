"""`pressrun doctor` beside real stores."""

from pathlib import Path

import pytest
import redis as sync_redis
from click.testing import CliRunner, Result

from api.cli import main
from api.cli.local.embedded_valkey import EmbeddedValkey
from testsupport.valkey import FaultyValkey


def examined(directory: Path, **environ: str) -> Result:
    return CliRunner().invoke(main, ["doctor"], env={"PRESSRUN_DATA_DIR": str(directory), **environ})


def test_finds_nothing_wrong_with_a_durable_store(tmp_path: Path, redis_url: str) -> None:
    result = examined(tmp_path, REDIS_URL=redis_url, PRESSRUN_PUBLIC_URL="https://pdf.example.com")
    assert result.exit_code == 0, result.output
    assert "ok    links: begin with https://pdf.example.com" in result.output
    assert "store: Valkey 9." in result.output
    assert "appendfsync always" in result.output
    assert "noeviction" in result.output
    assert "fail" not in result.output


def test_checks_the_embedded_store_that_runs(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    try:
        result = examined(tmp_path, REDIS_URL="")
        assert "appendfsync always" in result.output
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        result = examined(tmp_path, REDIS_URL="")
        assert "fail  store: The store does not answer" in result.output
    finally:
        server.stop()
    assert "the embedded Valkey, not running now" in examined(tmp_path, REDIS_URL="").output


@pytest.mark.parametrize(
    ("setting", "value", "verdict", "said"),
    [
        ("appendfsync", "everysec", "warn", "a power cut may lose the last second"),
        ("appendfsync", "no", "warn", "what the kernel had not written yet"),
        ("appendonly", "no", "warn", "everything since the last snapshot"),
        ("maxmemory-policy", "allkeys-lru", "fail", "allkeys-lru: jobs may vanish"),
        ("maxmemory-policy", "volatile-ttl", "warn", "volatile-ttl: a full store removes idempotency keys"),
    ],
)
def test_says_what_a_weaker_store_may_lose(
    tmp_path: Path, own_valkey: FaultyValkey, setting: str, value: str, verdict: str, said: str
) -> None:
    sync_redis.Redis.from_url(own_valkey.url).config_set(setting, value)
    result = examined(tmp_path, REDIS_URL=own_valkey.url)
    (line,) = [line for line in result.output.splitlines() if said in line]
    assert line.startswith(verdict)
    assert result.exit_code == (1 if verdict == "fail" else 0)


def test_checks_artifacts_in_the_store(tmp_path: Path, redis_url: str) -> None:
    result = examined(tmp_path, REDIS_URL=redis_url, PRESSRUN_ARTIFACTS_URL="redis:")
    assert result.exit_code == 0, result.output
    assert "artifacts: redis:" in result.output


def test_warns_of_a_store_that_is_nearly_full(tmp_path: Path, own_valkey: FaultyValkey) -> None:
    store = sync_redis.Redis.from_url(own_valkey.url)
    store.config_set("maxmemory", "10mb")
    assert "ok    memory: " in examined(tmp_path, REDIS_URL=own_valkey.url).output
    store.setrange("filler", 8 * 1024**2, b"x")
    result = examined(tmp_path, REDIS_URL=own_valkey.url)
    assert "warn  memory: " in result.output
    assert "submissions are refused with store_full" in result.output
    assert result.exit_code == 0


def test_warns_if_artifacts_may_fill_the_store(tmp_path: Path, own_valkey: FaultyValkey) -> None:
    sync_redis.Redis.from_url(own_valkey.url).config_set("maxmemory", "25mb")
    said = "documents and results may take {} MiB"
    for url, mb, is_too_much in (("redis:", 256, True), ("redis:?max_mb=12", 12, False)):
        result = examined(tmp_path, REDIS_URL=own_valkey.url, PRESSRUN_ARTIFACTS_URL=url)
        assert (said.format(mb) in result.output) is is_too_much
