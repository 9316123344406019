"""`pressrun keys`: makes API keys and prints them. Nothing is stored."""

from __future__ import annotations

import os
import secrets

import click

from api.cli.local.environment import CannotStart
from jobs.core.secret_key import load_secret_keys
from jobs.core.settings import BadSetting, Settings

_SECRET_KEY = "PRESSRUN_SECRET_KEY"  # noqa: S105 (a name)
_WHERE_KEYS_ARE = (_SECRET_KEY, "PRESSRUN_DATA_DIR")


@click.group()
def keys() -> None:
    """Make API keys."""


@keys.command()
@click.option(
    "--tenant", default="default", show_default=True, help="Whose key it is. Tenants see only their own jobs."
)
def new(tenant: str) -> None:
    """Print a new API key as lines for the environment.

    Nothing is stored. To add a key to a running installation, append the printed pair to its
    PRESSRUN_API_KEYS, after a comma.

    If PRESSRUN_SECRET_KEY is not set, it is printed, too: the key in the data directory, so that
    webhook secrets stay readable, or a new one if there is none.
    """
    variables = {"PRESSRUN_API_KEYS": f"{tenant}:pr_{secrets.token_urlsafe(32)}"}
    secret_key, remark = _secret_key()
    if not _is_accepted({**variables, _SECRET_KEY: secrets.token_urlsafe(48)}, tenant):
        raise click.BadParameter(
            "a tenant's name is 1 to 64 ASCII letters, digits, - and _", param_hint="--tenant"
        )
    if secret_key is not None:
        variables[_SECRET_KEY] = secret_key
    for name, value in variables.items():
        click.echo(f"{name}={value}")
    if remark:
        click.echo(remark, err=True)


def _secret_key() -> tuple[str | None, str]:
    """Returns the secret key to print (None if one is set) and a remark about it.

    Raises CannotStart if the key in force cannot be used.
    """
    # Only these variables: PRESSRUN_API_KEYS may be set already, and invalid without a secret key.
    environ = {name: os.environ.get(name, "") for name in _WHERE_KEYS_ARE}
    try:
        settings = Settings.from_env(environ)
        if settings.secret_key:
            return None, f"{_SECRET_KEY} is set: leave it as it is."
        if settings.secret_key_file.exists():
            (key,) = load_secret_keys(settings)
            return (
                key,
                f"{_SECRET_KEY} is the key in {settings.secret_key_file}: what it has encrypted stays readable.",
            )
    except (BadSetting, OSError) as error:
        raise CannotStart(str(error)) from error
    return secrets.token_urlsafe(48), ""


def _is_accepted(variables: dict[str, str], tenant: str) -> bool:
    """Returns whether the settings accept these lines and find this tenant in them."""
    try:
        return [key.tenant for key in Settings.from_env(variables).api_keys] == [tenant]
    except BadSetting:
        return False
