"""Reads the `Prefer` header (RFC 7240). The only known preference is ``wait``."""

from __future__ import annotations

import re

MAX_WAIT_S = 25
"""The longest wait. Platforms cut connections that are silent for 30 to 60 seconds."""

_WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?=[;,]|$)', re.IGNORECASE)


def preferred_wait(header: str | None) -> int | None:
    """Returns how many seconds the client would wait, at most `MAX_WAIT_S`; None without `wait`.

    Ignores preferences that it does not understand (RFC 7240, section 2).
    """
    match = _WAIT.search(header) if header else None
    return min(int(match[1]), MAX_WAIT_S) if match else None
