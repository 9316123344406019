"""The settings as a subcommand gets them."""

from __future__ import annotations

import os

import click

from jobs.core.settings import BadSetting, Settings


class CannotStart(click.ClickException):
    """The command was used well, but its surroundings are wrong. Ends with exit code 2."""

    exit_code = 2


def settings_from_environment() -> Settings:
    """The settings in force.

    Raises:
        CannotStart: with the variable's name and what it may be.
    """
    try:
        return Settings.from_env(os.environ)
    except BadSetting as error:
        raise CannotStart(str(error)) from error
