"""The `Prefer` header (RFC 7240), of which one preference is known here: ``wait``."""

from __future__ import annotations

import re

MAX_WAIT_S = 25
"""Longest a request is held back: platforms cut connections that are quiet for 30 to 60 seconds."""

_WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?=[;,]|$)', re.IGNORECASE)


def preferred_wait(header: str | None) -> int | None:
    """Seconds the client would wait for an answer, at most `MAX_WAIT_S`; None where it does not say.

    A preference that makes no sense is ignored, as the RFC asks (section 2).
    """
    match = _WAIT.search(header) if header else None
    return min(int(match[1]), MAX_WAIT_S) if match else None
