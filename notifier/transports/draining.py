"""Sending clients away before the process ends, at a pace at which others can take them over."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from notifier.protocol.session import Session

_PER_SECOND = 500
_BATCH = 50


def spread_s(clients: int, grace_s: float) -> float:
    """Over how many seconds to send them away; half of the grace period is left for those who are slow to go."""
    return min(grace_s / 2, clients / _PER_SECOND)


def comeback_ms(over_s: float) -> int:
    """When one client should reconnect, with full jitter: those of one batch, or of two processes, come apart."""
    return int(random.random() * (1 + over_s) * 1000)  # noqa: S311


async def send_away(sessions: Sequence[Session], over_s: float) -> None:
    """Says `goaway` to each, in batches."""
    for start in range(0, len(sessions), _BATCH):
        if start:
            await asyncio.sleep(over_s * _BATCH / len(sessions))
        for session in sessions[start : start + _BATCH]:
            session.go_away(comeback_ms(over_s))
