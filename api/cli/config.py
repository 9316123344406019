"""`pressrun config`: lists the settings in force and where each comes from."""

from __future__ import annotations

import os

import click
from rich.console import Console
from rich.table import Table

from api.cli.local.environment import settings_from_environment

_PIPE_WIDTH = 10_000
"""Wide enough for any row, so that programs get each row on one line."""


@click.command()
def config() -> None:
    """Show every setting, its value and its source."""
    table = Table(box=None, header_style="bold")
    table.add_column("variable", no_wrap=True)
    table.add_column("value", overflow="fold")  # whole, however narrow the terminal
    table.add_column("source", no_wrap=True)
    for variable, value, source in settings_from_environment().explained(os.environ):
        table.add_row(variable, value or "–", source, style=None if source == "environment" else "dim")
    console = Console()
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    console.print(table, markup=False)
