"""Disconnects clients before the process stops, slowly enough for others to take them over."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from notifier.protocol.session import Session

_PER_SECOND = 500
_BATCH = 50


def spread_s(clients: int, grace_s: float) -> float:
    """Returns over how many seconds to disconnect clients.

    At most half of the grace period, so that slow clients have the other half.
    """
    return min(grace_s / 2, clients / _PER_SECOND)


def comeback_ms(over_s: float) -> int:
    """Returns when a client should reconnect, with full jitter, so that not all come at once."""
    return int(random.random() * (1 + over_s) * 1000)  # noqa: S311


async def send_away(sessions: Sequence[Session], over_s: float) -> None:
    """Sends `goaway` to each client, in batches."""
    for start in range(0, len(sessions), _BATCH):
        if start:
            await asyncio.sleep(over_s * _BATCH / len(sessions))
        for session in sessions[start : start + _BATCH]:
            session.go_away(comeback_ms(over_s))
