"""Where the project is, and an environment without the settings of whoever runs the tests."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]

OURS = ("PORT", "REDIS_URL", "PRESSRUN_")
"""What the names of Pressrun's settings begin with."""


def environ_without_settings() -> dict[str, str]:
    """A copy of this process's environment without any setting of Pressrun."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
