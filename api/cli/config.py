"""`pressrun config`: what is in force, and where it came from."""

from __future__ import annotations

import os

import click
from rich.console import Console
from rich.table import Table

from api.cli.environment import settings_from_environment


@click.command()
def config() -> None:
    """Show every setting, its value and its source."""
    table = Table("variable", "value", "source", box=None, header_style="bold")
    for variable, value, source in settings_from_environment().explained(os.environ):
        table.add_row(variable, value or "–", source, style=None if source == "environment" else "dim")
    Console().print(table, markup=False)
