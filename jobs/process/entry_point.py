"""What the entry points of all processes have in common."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from jobs.core.errors import CannotServe
from jobs.core.settings import BadSetting, Settings
from jobs.isolation.private_memory import make_memory_private
from jobs.process.logging import configure_logging


def run_process(name: str, run: Callable[[Settings], None]) -> NoReturn:
    """Calls `run` with the settings in force, and exits when it returns.

    Exit codes: 0, 2 if a setting is wrong, 1 if the process cannot serve. One line says why.
    """
    code = 0
    make_memory_private()
    try:
        settings = Settings.from_env(os.environ)
        configure_logging(settings, name)
        run(settings)
    except* BadSetting as errors:
        code = _explain(name, errors, 2)
    except* CannotServe as errors:
        code = _explain(name, errors, 1)
    sys.exit(code)


def _explain(name: str, errors: BaseExceptionGroup[Exception], code: int) -> int:
    print(f"pressrun {name}: {errors.exceptions[0]}", file=sys.stderr)
    return code
