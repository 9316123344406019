"""Tells whether a disk has room for the store."""

from __future__ import annotations

import shutil
from pathlib import Path

MIN_FREE_BYTES = 16 * 1024**2
"""A store with less than this stops soon: one request may write several MiB."""


def has_room(directory: Path, min_free_bytes: int = MIN_FREE_BYTES) -> bool:
    return shutil.disk_usage(directory).free >= min_free_bytes
