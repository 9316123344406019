"""Tells which release runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version


def package_version() -> str:
    """Returns the version of the installed distribution, or 0 if there is none."""
    try:
        return installed_version("pressrun")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
