"""How fast clients are disconnected before the process stops, so that others can take them over."""

from __future__ import annotations

import random

_PER_SECOND = 500


def spread_s(clients: int, grace_s: float) -> float:
    """Returns over how many seconds to disconnect clients.

    At most half of the grace period, so that slow clients have the other half.
    """
    return min(grace_s / 2, clients / _PER_SECOND)


def comeback_ms(over_s: float) -> int:
    """Returns when a client should reconnect, with full jitter, so that not all come at once."""
    return int(random.random() * (1 + over_s) * 1000)  # noqa: S311
