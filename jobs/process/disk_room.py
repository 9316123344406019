"""Tells whether a disk has room for the store."""

from __future__ import annotations

import shutil
from pathlib import Path

MIN_FREE_BYTES = 16 * 1024**2
"""A store with less than this stops soon: one request may write several MiB."""


def has_room(directory: Path) -> bool:
    return shutil.disk_usage(directory).free >= MIN_FREE_BYTES
