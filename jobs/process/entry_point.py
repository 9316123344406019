"""Runs a process with its settings, and turns errors at start into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from jobs.core.errors import CannotServe
from jobs.core.errors.store import ClusterRefused
from jobs.core.settings import BadSetting, Settings
from jobs.isolation.private_memory import make_memory_private
from jobs.process.logging import configure_logging

BAD_SETTING = 2
"""The exit code of a process that ended because a setting is wrong. Starting it again would not
help."""


def run_process(name: str, run: Callable[[Settings], None]) -> NoReturn:
    """Calls `run` with the settings in force, and exits when it returns.

    Exit codes: 0, BAD_SETTING, or 1 if the process cannot serve. One line says why.
    """
    code = 0
    make_memory_private()
    try:
        settings = Settings.from_env(os.environ)
        configure_logging(settings, name)
        run(settings)
    except* BadSetting as errors:
        code = _explain(name, errors, BAD_SETTING)
    except* CannotServe as errors:
        is_setting = errors.subgroup(ClusterRefused) is not None
        code = _explain(name, errors, BAD_SETTING if is_setting else 1)
    sys.exit(code)


def _explain(name: str, errors: BaseExceptionGroup[Exception], code: int) -> int:
    print(f"pressrun {name}: {errors.exceptions[0]}", file=sys.stderr)
    return code
