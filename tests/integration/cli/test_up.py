"""`pressrun up` with stand-ins for the three processes, and with the real embedded store."""

import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import redis

from api.cli.local.embedded_valkey import is_in_use
from jobs.core.settings import Settings
from testsupport.command import Command, assert_gone
from testsupport.ports import free_port
from testsupport.valkey import FaultyValkey

WEB = """
import http.server, os
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
    def log_message(self, *arguments):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Ready).serve_forever()
"""
WORKER = """
import os, redis, signal, sys
def stop(*_):
    print("drained")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
starts = redis.Redis.from_url(os.environ["REDIS_URL"]).incr("starts")
print("start number", starts, "REDIS_URL", os.environ["REDIS_URL"])
os.write(int(os.environ["PRESSRUN_READY_FD"]), b"ready")
signal.pause()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("will not stop")
while True:
    signal.pause()
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with a Procfile of stand-ins."""
    for name, program in {"web": WEB, "worker": WORKER, "stubborn": STUBBORN}.items():
        (tmp_path / f"{name}.py").write_text(program)
    write_procfile(tmp_path, web="python web.py", worker="python worker.py")
    return tmp_path


def write_procfile(directory: Path, **commands: str) -> None:
    (directory / "Procfile").write_text("".join(f"{name}: {command}\n" for name, command in commands.items()))


@pytest.fixture
def environ() -> dict[str, str]:
    return {"PORT": str(free_port()), "PRESSRUN_NOTIFIER_PORT": str(free_port())}


def up(directory: Path, environ: Mapping[str, str]) -> Command:
    return Command("up", "--procfile", "Procfile", directory=directory, environ=environ)


def store_url(directory: Path) -> str:
    """Where every process that reads the settings in `directory` looks for the store."""
    return Settings.from_env({"PRESSRUN_DATA_DIR": str(directory / "data")}).redis_url


def started_pids(command: Command) -> list[int]:
    return [int(line.rpartition(" ")[2]) for line in command.lines if "started, pid" in line]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_prints_its_url_and_stops_cleanly(
    directory: Path, environ: dict[str, str], number: signal.Signals
) -> None:
    with up(directory, environ) as command:
        ready, _ = command.lines_with(r"ready: (\S+)", "start number")
        assert ready[1] == f"http://localhost:{environ['PORT']}/"
        command.signal(number)
        assert command.wait() == 0
    assert "drained" in command.output
    pids = started_pids(command)
    assert len(pids) == 2
    assert_gone(pids)
    assert not is_in_use(directory / "data" / "valkey")


def test_names_the_directory_that_it_cannot_use(directory: Path, environ: dict[str, str]) -> None:
    with up(directory, {**environ, "PRESSRUN_DATA_DIR": "Procfile/data"}) as command:
        command.line("PRESSRUN_DATA_DIR cannot be used .*Procfile/data")
        assert command.wait() == 2


def test_finds_its_data_again(directory: Path, environ: dict[str, str]) -> None:
    for start in (1, 2):
        with up(directory, environ) as command:
            command.line(f"start number {start} ")
            command.signal(signal.SIGINT)
            assert command.wait() == 0


def test_all_processes_get_the_store_that_was_started(directory: Path, environ: dict[str, str]) -> None:
    write_procfile(directory, worker="python worker.py", notifier="python worker.py")
    with up(directory, environ) as command:
        urls = {command.line(r"REDIS_URL (\S+)")[1] for _ in range(2)}
        assert urls == {store_url(directory)}


def test_a_second_shell_finds_the_store(directory: Path, environ: dict[str, str]) -> None:
    with up(directory, environ) as command:
        command.line("start number")
        with Command("config", directory=directory) as config:
            assert config.line(r"REDIS_URL +(\S+) +derived")[1] == store_url(directory)
        with Command("doctor", directory=directory) as doctor:
            doctor.line("ok +durability: appendfsync always")


def test_uses_the_store_that_redis_url_names(
    directory: Path, environ: dict[str, str], own_valkey: FaultyValkey
) -> None:
    with up(directory, {**environ, "REDIS_URL": own_valkey.url}) as command:
        assert command.line(r"REDIS_URL (\S+)")[1] == own_valkey.url
        command.signal(signal.SIGINT)
        assert command.wait() == 0
    assert not (directory / "data" / "valkey").exists()
    assert own_valkey.is_running


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_ends_is_started_again_and_the_others_go_on(
    directory: Path, environ: dict[str, str], number: signal.Signals
) -> None:
    with up(directory, environ) as command:
        pid = {name: int(command.line(rf"{name} started, pid (\d+)")[1]) for name in ("web", "worker")}
        command.lines_with("ready: ", "start number 1 ")
        os.kill(pid["worker"], number)
        command.line("worker ended .*; it starts again now")
        command.line(r"worker started, pid \d+")
        command.line("start number 2 ")
        os.kill(pid["web"], 0)
        command.signal(signal.SIGINT)
        assert command.wait() == 0
    assert_gone(started_pids(command))


def test_the_pauses_grow_if_a_process_keeps_ending(directory: Path, environ: dict[str, str]) -> None:
    write_procfile(directory, web="python web.py", crash="python -c 'raise SystemExit(7)'")
    with up(directory, environ) as command:
        for pause in ("now", "in 1 s", "in 2 s"):
            command.line(f"crash ended with code 7; it starts again {pause}")
        command.signal(signal.SIGINT)  # during a pause
        assert command.wait() == 0
    assert_gone(started_pids(command))


@pytest.mark.parametrize("after_a_crash", [False, True])
def test_a_faulty_setting_ends_everything(
    directory: Path, environ: dict[str, str], after_a_crash: bool
) -> None:
    program = (
        "import os; code = 7 if {} and not os.path.exists('x') else 2; open('x', 'w'); raise SystemExit(code)"
    )
    (directory / "faulty.py").write_text(program.format(after_a_crash))
    write_procfile(directory, worker="python worker.py", notifier="python faulty.py")
    with up(directory, environ) as command:
        assert command.wait() == 2
    assert ("it starts again" in command.output) is after_a_crash
    assert "notifier ended with code 2" in command.output
    assert_gone(started_pids(command))


def test_a_program_that_does_not_exist_is_named(directory: Path, environ: dict[str, str]) -> None:
    write_procfile(directory, worker="python worker.py", notifier="no-such-program")
    with up(directory, environ) as command:
        assert command.wait() == 127
    assert "notifier cannot be started" in command.output
    assert_gone(started_pids(command))


def test_a_second_interrupt_does_not_wait(directory: Path, environ: dict[str, str]) -> None:
    write_procfile(directory, web="python web.py", worker="python stubborn.py")
    with up(directory, {**environ, "PRESSRUN_DRAIN_SECONDS": "3600"}) as command:
        command.line("will not stop")
        command.signal(signal.SIGINT)
        command.lines_with("web ended", "waiting up to 3605 s for worker to finish; Ctrl-C does not wait")
        command.signal(signal.SIGINT)
        assert command.wait() == 0
    assert_gone(started_pids(command))
    assert not is_in_use(directory / "data" / "valkey")


def test_a_store_that_ends_is_started_again_with_its_data(directory: Path, environ: dict[str, str]) -> None:
    with up(directory, environ) as command:
        command.lines_with("ready: ", "start number 1 ")
        store = redis.Redis.from_url(store_url(directory))
        os.kill(store.info("server")["process_id"], signal.SIGKILL)
        command.line(r"the embedded Valkey ended \(see .*valkey.log\); it starts again now")
        command.line("the embedded Valkey answers again")
        assert store.get("starts") == b"1"
        store.shutdown()
        command.line("the embedded Valkey ended .*; it starts again in 1 s")
        command.signal(signal.SIGINT)
        assert command.wait() == 0
    assert not is_in_use(directory / "data" / "valkey")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_a_killed_supervisor_leaves_nothing_that_would_stop_the_next_start(
    directory: Path, environ: dict[str, str]
) -> None:
    with up(directory, environ) as command:
        command.lines_with("ready: ", "start number 1 ")
        command.signal(signal.SIGKILL)
        command.wait()
    assert_gone(started_pids(command))
    with up(directory, environ) as command:
        command.lines_with("ready: ", "start number 2 ")


def test_a_second_one_in_the_same_directory_is_refused(directory: Path, environ: dict[str, str]) -> None:
    with up(directory, environ) as first:
        first.line("ready: ")
        others = {"PORT": str(free_port()), "PRESSRUN_NOTIFIER_PORT": str(free_port())}
        with up(directory, others) as second:
            assert second.wait() == 2
        assert "already runs" in second.output


@pytest.mark.parametrize("variable", ["PORT", "PRESSRUN_NOTIFIER_PORT"])
def test_a_taken_port_is_named_with_its_variable(
    directory: Path, environ: dict[str, str], variable: str
) -> None:
    with socket.create_server(("127.0.0.1", int(environ[variable]))), up(directory, environ) as command:
        assert command.wait() == 2
    assert f"set {variable}" in command.output


@pytest.mark.parametrize("content", [None, "", "not a procfile\n", "web: one\nweb: two\n"])
def test_needs_a_procfile_that_names_processes(
    directory: Path, environ: dict[str, str], content: str | None
) -> None:
    (directory / "Procfile").unlink()
    if content is not None:
        (directory / "Procfile").write_text(content)
    with up(directory, environ) as command:
        assert command.wait() == 2
    assert "Procfile" in command.output


def test_a_bad_setting_is_named(directory: Path, environ: dict[str, str]) -> None:
    with up(directory, {**environ, "PRESSRUN_WORKER_SLOTS": "many"}) as command:
        assert command.wait() == 2
    assert "PRESSRUN_WORKER_SLOTS is 'many'" in command.output
