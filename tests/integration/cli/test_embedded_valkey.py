import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as sync_redis

from api.cli.local.embedded_valkey import (
    LOG_BYTES,
    SOCKET_PATH_BYTES,
    AlreadyRunning,
    EmbeddedValkey,
    EmbeddedValkeyError,
    is_in_use,
)
from jobs.core.settings import Settings
from testsupport.command import assert_gone
from testsupport.ports import free_port
from testsupport.valkey import FaultyValkey


def client(server: EmbeddedValkey) -> sync_redis.Redis:
    return sync_redis.Redis.from_url(server.url, decode_responses=True)


def test_is_durable_and_never_evicts(valkey: FaultyValkey) -> None:
    config = client(valkey).config_get("append*", "save", "maxmemory-policy")
    assert config["appendonly"] == "yes"
    assert config["appendfsync"] == "always"
    assert config["maxmemory-policy"] == "noeviction"
    assert config["save"] == ""


def test_keeps_what_it_acknowledged_through_a_restart(own_valkey: FaultyValkey) -> None:
    client(own_valkey).set("kept", "yes")
    own_valkey.restart()
    assert client(own_valkey).get("kept") == "yes"


def test_keeps_what_it_acknowledged_through_a_kill(own_valkey: FaultyValkey) -> None:
    client(own_valkey).set("kept", "yes")
    own_valkey.kill()
    own_valkey.start()
    assert client(own_valkey).get("kept") == "yes"


def test_a_frozen_server_does_not_answer_and_a_thawed_one_does(own_valkey: FaultyValkey) -> None:
    impatient = sync_redis.Redis(port=own_valkey.port, socket_timeout=0.2)
    with own_valkey.frozen(), pytest.raises(sync_redis.TimeoutError):
        impatient.ping()
    assert client(own_valkey).ping()


def test_is_not_in_the_session_that_ctrl_c_reaches(valkey: FaultyValkey) -> None:
    assert os.getsid(valkey.running.pid) != os.getsid(0)


def test_refuses_a_directory_that_another_supervisor_has(own_valkey: FaultyValkey) -> None:
    with pytest.raises(AlreadyRunning):
        EmbeddedValkey(own_valkey.directory).start()
    assert client(own_valkey).ping()


def killed_supervisor(directory: Path, *, dies_with_parent: bool, **options: str) -> int:
    """The pid of a server whose supervisor started it and was killed then."""
    program = (
        "import os, signal, sys; from pathlib import Path; from api.cli.local.embedded_valkey import EmbeddedValkey\n"
        f"server = EmbeddedValkey(Path(sys.argv[1]), options={options}, dies_with_parent={dies_with_parent})\n"
        "server.start()\n"
        "print(server.process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    supervisor = subprocess.run(
        [sys.executable, "-c", program, str(directory)], stdout=subprocess.PIPE, check=False
    )
    assert supervisor.returncode == -signal.SIGKILL
    return int(supervisor.stdout)


@pytest.fixture(params=["today's", "an earlier release's"])
def orphan(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The directory of a server with one key whose supervisor was killed, as on macOS."""
    directory, port = tmp_path / "valkey", str(free_port())
    pid = killed_supervisor(directory, dies_with_parent=False, port=port)
    sync_redis.Redis(port=int(port)).set("kept", "yes")
    if request.param != "today's":
        (directory / "valkey.sock").unlink()
        (directory / "server.lock").write_text(port)
    yield directory
    with contextlib.suppress(ProcessLookupError):  # its successor has shut it down, as it should
        os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_ends_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    assert_gone([killed_supervisor(tmp_path, dies_with_parent=True)])


def test_replaces_an_orphan_and_finds_its_data(orphan: Path) -> None:
    assert is_in_use(orphan)
    successor = EmbeddedValkey(orphan)
    successor.start()
    try:
        assert client(successor).get("kept") == "yes"
        assert client(successor).config_get("port") == {"port": "0"}
    finally:
        successor.stop()


def test_nobody_else_on_this_machine_can_read_it(tmp_path: Path) -> None:
    (tmp_path / "valkey").mkdir(mode=0o755)
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    try:
        assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
        assert client(server).config_get("port", "unixsocket") == {
            "port": "0",
            "unixsocket": str(server.socket),
        }
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["a b", "50%", "a#b?c", "ä"])
def test_every_directory_has_a_url_that_finds_its_server(tmp_path: Path, name: str) -> None:
    settings = Settings.from_env({"PRESSRUN_DATA_DIR": str(tmp_path / name)})
    server = EmbeddedValkey(settings.data_dir / "valkey")
    server.start()
    try:
        assert settings.redis_url == server.url
        assert client(server).ping()
    finally:
        server.stop()


def test_a_path_too_long_for_a_socket_is_named_with_a_way_out(tmp_path: Path) -> None:
    long = tmp_path / ("x" * SOCKET_PATH_BYTES)
    with pytest.raises(EmbeddedValkeyError, match="symbolic link"):
        EmbeddedValkey(long).start()
    long.mkdir()
    (tmp_path / "short").symlink_to(long)
    server = EmbeddedValkey(tmp_path / "short")
    server.start()
    server.stop()


def test_the_log_survives_a_restart_and_is_bounded(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey")
    for _ in range(2):
        server.start()
        server.stop()
    assert server.log.read_text().count("Ready to accept connections") == 2
    with server.log.open("ab") as log:
        log.write(b"x" * LOG_BYTES)
    server.start()
    server.stop()
    assert server.log.read_text().count("Ready to accept connections") == 1
    assert server.log.with_name("valkey.log.1").stat().st_size > LOG_BYTES


def test_is_in_use_from_a_start_to_a_stop(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey")
    assert not is_in_use(server.directory)
    server.start()
    assert is_in_use(server.directory)
    server.stop()
    assert not is_in_use(server.directory)


def test_says_why_it_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "valkey" / "appendonlydir").mkdir(parents=True)
    (tmp_path / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("this is not a manifest\n")
    server = EmbeddedValkey(tmp_path / "valkey")
    with pytest.raises(EmbeddedValkeyError, match=r"does not start: .*manifest"):
        server.start()
    assert not is_in_use(server.directory)


def test_stopping_a_server_that_does_not_run_is_harmless(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey")
    server.stop()
    assert server.process is None
