"""`pressrun keys`: credentials, made here and kept nowhere."""

from __future__ import annotations

import secrets

import click

from jobs.settings import BadSetting, Settings


@click.group()
def keys() -> None:
    """Make API keys."""


@keys.command()
@click.option(
    "--tenant", default="default", show_default=True, help="Whose key it is; tenants see only their own jobs."
)
def new(tenant: str) -> None:
    """Print a fresh API key as lines for the environment.

    Nothing is stored. To add a key to a running installation, append the pair to its PRESSRUN_API_KEYS with a
    comma between, and leave its PRESSRUN_SECRET_KEY as it is.
    """
    variables = {
        "PRESSRUN_API_KEYS": f"{tenant}:pr_{secrets.token_urlsafe(32)}",
        "PRESSRUN_SECRET_KEY": secrets.token_urlsafe(48),
    }
    if not is_accepted(variables, tenant):
        raise click.BadParameter(
            "a tenant's name is 1 to 64 ASCII letters, digits, - and _", param_hint="--tenant"
        )
    for name, value in variables.items():
        click.echo(f"{name}={value}")


def is_accepted(variables: dict[str, str], tenant: str) -> bool:
    """Whether the settings would read these lines as they are meant."""
    try:
        return [key.tenant for key in Settings.from_env(variables).api_keys] == [tenant]
    except BadSetting:
        return False
