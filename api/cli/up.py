"""`pressrun up`: everything on one machine, with a store of its own where none is named."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import click
from honcho.environ import parse_procfile

from api.cli.local.embedded_valkey import EmbeddedValkey, EmbeddedValkeyError, is_free
from api.cli.local.environment import CannotStart, settings_from_environment
from api.cli.local.supervisor import Supervisor
from jobs.core.settings import Settings

POLL_SECONDS = 0.1


@click.command()
def up() -> None:
    """Start web, worker and notifier, and a store when REDIS_URL is not set.

    Ctrl-C lets running jobs finish; a second one does not wait. What was accepted is kept either way.
    """
    settings = settings_from_environment()
    commands = procfile(Path("Procfile"))
    check_ports(settings)
    environ = environment()
    if environ.get("REDIS_URL", "").strip():
        sys.exit(asyncio.run(run(settings, commands, environ, None)))

    try:
        # Documents are nobody else's business.
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"PRESSRUN_DATA_DIR cannot be used ({error}). Name another directory.") from error
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the supervisor takes signals over
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


def procfile(path: Path) -> dict[str, str]:
    """Names and commands, in order.

    Raises:
        CannotStart: there is none, or nothing in it.
    """
    try:
        commands = dict(parse_procfile(path.read_text()).processes)
    except FileNotFoundError as error:
        raise CannotStart(
            f"There is no Procfile in {Path.cwd()}. Start this in Pressrun's directory."
        ) from error
    if not commands:
        raise CannotStart(f"{path.absolute()} names no process.")
    return commands


def check_ports(settings: Settings) -> None:
    """Say which variable to change, before a process dies of it.

    Raises:
        CannotStart: another program has one of the ports.
    """
    for variable, port in (("PORT", settings.port), ("PRESSRUN_NOTIFIER_PORT", settings.notifier_port)):
        if not is_free(port, settings.listen_host):
            raise CannotStart(f"Another program listens on port {port}. Stop it, or set {variable}.")


def environment() -> dict[str, str]:
    """What the processes get: ours, with `python` meaning this one, and output that is not held back."""
    directory = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{directory}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
    }


async def run(
    settings: Settings, commands: dict[str, str], environ: dict[str, str], store: EmbeddedValkey | None
) -> int:
    """Run everything until it ends; the exit code of `pressrun up`."""
    supervisor = Supervisor(commands, environ, drain_seconds=settings.drain_seconds)
    watchers = [asyncio.create_task(announce(settings, supervisor))]
    if store is not None:
        supervisor.say(f"embedded Valkey on port {store.port}, data in {store.directory}")
        watchers.append(asyncio.create_task(watch(store, supervisor)))
    try:
        return await supervisor.run()
    finally:
        for watcher in watchers:
            watcher.cancel()


async def announce(settings: Settings, supervisor: Supervisor) -> None:
    """Print where to go as soon as `/readyz` says that there is something to see."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.listen_host, settings.listen_host)  # noqa: S104
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/readyz"
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while not await answers_well(session, url):  # noqa: ASYNC110 (another process: there is no event)
            await asyncio.sleep(POLL_SECONDS)
    supervisor.say(f"ready: {settings.base_url}/  (Ctrl-C stops)")


async def answers_well(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.ok
    except (aiohttp.ClientError, TimeoutError):
        return False


async def watch(store: EmbeddedValkey, supervisor: Supervisor) -> None:
    """The store is a process like the others: without it nothing goes on."""
    while store.is_running:  # noqa: ASYNC110 (another process: there is no event)
        await asyncio.sleep(POLL_SECONDS)
    supervisor.say(f"the embedded Valkey ended (see {store.log})")
    supervisor.end(1)
