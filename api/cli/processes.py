"""`pressrun web`, `pressrun worker` and `pressrun notifier`: one process of the server each."""

from __future__ import annotations

import os
import sys

import click

PACKAGES = {"web": "api", "worker": "jobs", "notifier": "notifier"}
"""The processes of a server, each with the package that runs it."""


def process_command(name: str) -> list[str]:
    """Returns the command of a process, for any working directory.

    With `-P`, a folder named `jobs` or `api` in that directory is not taken for the package.
    """
    return [sys.executable, "-P", "-m", PACKAGES[name]]


def _become(name: str) -> None:
    command = process_command(name)
    # So that nothing is in memory which only the command line needs.
    os.execv(command[0], command)  # noqa: S606 (no shell: the arguments are fixed)


@click.command()
def web() -> None:
    """Run a web process: it answers HTTP on PORT."""
    _become("web")


@click.command()
def worker() -> None:
    """Run a worker process: it runs jobs."""
    _become("worker")


@click.command()
def notifier() -> None:
    """Run a notifier process: it pushes events over WebSockets and webhooks."""
    _become("notifier")
