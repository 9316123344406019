"""Writes times as text, in the form in which `scripts/common/_clock.lua` writes them, too."""

from __future__ import annotations

import datetime


def rfc3339(unix_ms: int) -> str:
    """Returns the time in a form such as ``2026-01-31T12:00:00.123Z``."""
    moment = datetime.datetime.fromtimestamp(unix_ms // 1000, datetime.UTC)
    return f"{moment.isoformat()[:19]}.{unix_ms % 1000:03d}Z"
