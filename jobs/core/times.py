"""Times as text, the way `scripts/common/_clock.lua` writes them."""

from __future__ import annotations

import datetime


def rfc3339(unix_ms: int) -> str:
    """Such as ``2026-01-31T12:00:00.123Z``."""
    moment = datetime.datetime.fromtimestamp(unix_ms // 1000, datetime.UTC)
    return f"{moment.isoformat()[:19]}.{unix_ms % 1000:03d}Z"
