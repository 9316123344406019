"""Reads the settings for a subcommand."""

from __future__ import annotations

import os

import click

from jobs.core.settings import BadSetting, Settings


class CannotStart(click.ClickException):
    """The command was used correctly, but its environment is wrong. Ends with exit code 2."""

    exit_code = 2


def settings_from_environment() -> Settings:
    """Returns the settings in force. Raises CannotStart, which names the one that is invalid."""
    try:
        return Settings.from_env(os.environ)
    except BadSetting as error:
        raise CannotStart(str(error)) from error
