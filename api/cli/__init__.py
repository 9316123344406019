"""The `pressrun` command. Each subcommand is a module of this package."""

from __future__ import annotations

import click

from api.cli.config import config
from api.cli.doctor import doctor
from api.cli.fonts import fonts
from api.cli.jobs import jobs
from api.cli.keys import keys
from api.cli.processes import notifier, web, worker
from api.cli.render import render
from api.cli.submit import submit
from api.cli.templates import templates
from api.cli.up import up
from api.cli.watch import watch
from api.cli.webhooks import webhooks


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pressrun", prog_name="pressrun")
def main() -> None:
    """Pressrun turns HTML into PDF and tells everybody who waits for it."""


for command in (
    *(up, web, worker, notifier),
    *(render, submit, jobs, templates, fonts, watch, webhooks),
    *(config, doctor, keys),
):
    main.add_command(command)
