import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as sync_redis

from api.cli.local.embedded_valkey import (
    AlreadyRunning,
    EmbeddedValkey,
    EmbeddedValkeyError,
    is_free,
    next_free_port,
    running_url,
)
from testsupport.command import assert_gone
from testsupport.ports import free_port
from testsupport.valkey import FaultyValkey


def client(server: EmbeddedValkey) -> sync_redis.Redis:
    return sync_redis.Redis.from_url(server.url, decode_responses=True)


def test_is_durable_and_never_evicts(valkey: FaultyValkey) -> None:
    config = client(valkey).config_get("append*", "save", "maxmemory-policy", "bind")
    assert config["appendonly"] == "yes"
    assert config["appendfsync"] == "always"
    assert config["maxmemory-policy"] == "noeviction"
    assert config["save"] == ""
    assert config["bind"] == "127.0.0.1"


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


def test_takes_the_next_port_when_another_program_has_the_preferred_one(
    valkey: FaultyValkey, tmp_path: Path
) -> None:
    second = EmbeddedValkey(tmp_path / "valkey", valkey.port)
    second.start()
    try:
        assert second.port > valkey.port
        assert client(second).ping()
    finally:
        second.stop()


def test_takes_the_next_port_when_another_program_takes_the_free_one_first(
    valkey: FaultyValkey, tmp_path: Path
) -> None:
    taken = [valkey.port]  # free when it was probed, taken a moment later

    def free_port(preferred: int) -> int:
        return taken.pop() if taken else next_free_port(preferred)

    second = EmbeddedValkey(tmp_path / "valkey", valkey.port, free_port=free_port)
    second.start()
    try:
        assert second.port > valkey.port
        assert running_url(second.directory) == second.url
        assert second.process is not None
        assert client(second).info("server")["process_id"] == second.process.pid
    finally:
        second.stop()


def test_refuses_a_directory_that_another_supervisor_has(own_valkey: FaultyValkey) -> None:
    with pytest.raises(AlreadyRunning):
        EmbeddedValkey(own_valkey.directory, free_port()).start()
    assert client(own_valkey).ping()


def killed_supervisor(directory: Path, *, dies_with_parent: bool) -> int:
    """The pid of a server whose supervisor started it and was killed then."""
    program = (
        "import os, signal, sys; from pathlib import Path; from api.cli.local.embedded_valkey import EmbeddedValkey\n"
        f"server = EmbeddedValkey(Path(sys.argv[1]), int(sys.argv[2]), dies_with_parent={dies_with_parent})\n"
        "server.start()\n"
        "print(server.process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    supervisor = subprocess.run(
        [sys.executable, "-c", program, str(directory), str(free_port())], stdout=subprocess.PIPE, check=False
    )
    assert supervisor.returncode == -signal.SIGKILL
    return int(supervisor.stdout)


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[Path]:
    """The directory of a server with one key whose supervisor was killed, as on macOS."""
    directory = tmp_path / "valkey"
    pid = killed_supervisor(directory, dies_with_parent=False)
    url = running_url(directory)
    assert url is not None
    sync_redis.Redis.from_url(url).set("kept", "yes")
    yield directory
    with contextlib.suppress(ProcessLookupError):  # its successor has shut it down, as it should
        os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_ends_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    assert_gone([killed_supervisor(tmp_path, dies_with_parent=True)])


def test_replaces_an_orphan_and_finds_its_data(orphan: Path) -> None:
    orphan_url = running_url(orphan)
    successor = EmbeddedValkey(orphan, free_port())
    successor.start()
    try:
        assert successor.url != orphan_url
        assert running_url(orphan) == successor.url
        assert client(successor).get("kept") == "yes"
    finally:
        successor.stop()


def test_running_url_is_none_before_the_first_start_and_after_a_stop(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey", free_port())
    assert running_url(server.directory) is None
    server.start()
    assert running_url(server.directory) == server.url
    server.stop()
    assert running_url(server.directory) is None


def test_says_why_it_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "valkey" / "appendonlydir").mkdir(parents=True)
    (tmp_path / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("this is not a manifest\n")
    server = EmbeddedValkey(tmp_path / "valkey", free_port())
    with pytest.raises(EmbeddedValkeyError, match=r"does not start: .*manifest"):
        server.start()
    assert running_url(server.directory) is None


def test_stopping_a_server_that_does_not_run_is_harmless(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey", free_port())
    server.stop()
    assert server.process is None


def test_a_port_with_a_listener_is_not_free(valkey: FaultyValkey) -> None:
    assert not is_free(valkey.port)
    assert next_free_port(valkey.port) > valkey.port
