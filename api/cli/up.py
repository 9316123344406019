"""`pressrun up`: starts everything on one machine, with an embedded store if none is named."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import click

from api.cli.local.embedded_valkey import EmbeddedValkey, EmbeddedValkeyError
from api.cli.local.environment import CannotStart, settings_from_environment
from api.cli.local.restart_pauses import RestartPauses, starts_again
from api.cli.local.supervisor import Supervisor
from api.cli.processes import PACKAGES, process_command
from jobs.core.settings import Settings
from jobs.isolation.private_memory import make_memory_private
from jobs.process.disk_room import has_room
from jobs.process.readiness import READY_FD

POLL_SECONDS = 0.1
FULL_DISK_POLL_SECONDS = 1.0
_PROCFILE_LINE = re.compile(r"^([\w-]+):[ \t]*(\S.*)$", re.MULTILINE | re.ASCII)


@click.command()
@click.option(
    "--procfile",
    "-f",
    type=click.Path(path_type=Path),
    help="Start the processes that this file names instead.",
)
def up(procfile: Path | None) -> None:
    """Start web, worker and notifier, and a store if REDIS_URL is not set.

    What ends by itself is started again, unless a setting is wrong.

    Ctrl-C lets running jobs finish; a second Ctrl-C does not wait. Accepted jobs are kept in both
    cases.
    """
    make_memory_private()
    settings = settings_from_environment()
    commands = {name: shlex.join(process_command(name)) for name in PACKAGES}
    if procfile is not None:
        commands = read_procfile(procfile)
    check_ports(settings)
    environ = environment()
    if environ.get("REDIS_URL", "").strip():
        sys.exit(asyncio.run(run(settings, commands, environ, None)))

    try:
        # Documents are private: nobody else on this machine may read them.
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"PRESSRUN_DATA_DIR cannot be used ({error}). Name another directory.") from error
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the supervisor handles signals
    store = EmbeddedValkey(settings.data_dir / "valkey")
    try:
        store.start()
        environ["REDIS_URL"] = store.url
        code = asyncio.run(run(settings, commands, environ, store))
    except EmbeddedValkeyError as error:
        raise CannotStart(str(error)) from error
    finally:
        store.stop()
    sys.exit(code)


def read_procfile(path: Path) -> dict[str, str]:
    """Returns the commands by name, in order.

    Raises CannotStart if the file cannot be read, names no process, or names one twice.
    """
    try:
        lines = _PROCFILE_LINE.findall(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStart(f"{path.absolute()} cannot be read ({error}). Name another file.") from error
    if not lines:
        raise CannotStart(f"{path.absolute()} names no process.")
    if len(commands := dict(lines)) < len(lines):
        raise CannotStart(f"{path.absolute()} names a process twice.")
    return commands


def check_ports(settings: Settings) -> None:
    """Checks that the ports are free. Raises CannotStart, which names the variable to change."""
    for variable, port in (("PORT", settings.port), ("PRESSRUN_NOTIFIER_PORT", settings.notifier_port)):
        if not is_free(port, settings.listen_host):
            raise CannotStart(f"Another program listens on port {port}. Stop it, or set {variable}.")


def is_free(port: int, host: str) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def environment() -> dict[str, str]:
    """The environment of the processes: `python` is this one, and output is not buffered."""
    directory = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{directory}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
    }


async def run(
    settings: Settings, commands: dict[str, str], environ: dict[str, str], store: EmbeddedValkey | None
) -> int:
    """Runs everything until it ends, and returns the exit code of `pressrun up`."""
    with readiness_pipe() as (worker_is_ready, write_end):
        if "worker" not in commands:
            worker_is_ready.set()
        supervisor = Supervisor(
            commands,
            {**environ, READY_FD: str(write_end)},
            drain_seconds=settings.drain_seconds,
            inherited=[write_end],
        )
        tasks = [asyncio.create_task(announce(settings, supervisor, worker_is_ready))]
        if store is not None:
            supervisor.say(f"embedded Valkey, data in {store.directory}")
            tasks.append(asyncio.create_task(keep_running(store, supervisor)))
        try:
            return await supervisor.run()
        finally:
            for task in tasks:
                task.cancel()


@contextmanager
def readiness_pipe() -> Iterator[tuple[asyncio.Event, int]]:
    """Yields an event, and the write end of a pipe. Writing to the pipe sets the event."""
    read_end, write_end = os.pipe()
    written = asyncio.Event()

    def on_readable() -> None:
        os.read(read_end, 1024)
        written.set()

    loop = asyncio.get_running_loop()
    loop.add_reader(read_end, on_readable)
    try:
        yield written, write_end
    finally:
        loop.remove_reader(read_end)
        os.close(read_end)
        os.close(write_end)


async def announce(settings: Settings, supervisor: Supervisor, worker_is_ready: asyncio.Event) -> None:
    """Prints the console's URL as soon as `/readyz` answers with success and a worker is ready."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.listen_host, settings.listen_host)  # noqa: S104
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/readyz"
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while not await is_ready(session, url):  # noqa: ASYNC110 (another process: there is no event)
            await asyncio.sleep(POLL_SECONDS)
    await worker_is_ready.wait()
    supervisor.say(f"ready: {settings.base_url}/  (Ctrl-C stops)")


async def is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.ok
    except (aiohttp.ClientError, TimeoutError):
        return False


async def keep_running(store: EmbeddedValkey, supervisor: Supervisor) -> None:
    """Starts the store again whenever it ends. The processes wait for it meanwhile."""
    pauses = RestartPauses()
    while True:
        started_at = time.monotonic()
        while store.is_running:  # noqa: ASYNC110 (another process: there is no event)
            await asyncio.sleep(POLL_SECONDS)
        pause_s = pauses.next_s(time.monotonic() - started_at)
        supervisor.say(f"the embedded Valkey ended (see {store.log}); {starts_again(pause_s)}")
        await asyncio.sleep(pause_s)
        try:
            await wait_for_room(store.directory, supervisor)
            store.launch()
        except (OSError, EmbeddedValkeyError) as error:
            supervisor.say(f"the embedded Valkey cannot be started: {error}")
        while store.is_running:
            if await asyncio.to_thread(store.answers):
                supervisor.say("the embedded Valkey answers again")
                break
            await asyncio.sleep(POLL_SECONDS)


async def wait_for_room(directory: Path, supervisor: Supervisor) -> None:
    """Returns when the disk has room: on a full one the store would end again at once."""
    if has_room(directory):
        return
    supervisor.say(f"the disk of {directory} is full: the embedded Valkey starts when there is room")
    while not has_room(directory):  # noqa: ASYNC110 (the system sends no event)
        await asyncio.sleep(FULL_DISK_POLL_SECONDS)
