"""Says in the log that records have vanished from the store though no step has removed them.

Scripts that come across one count it (`scripts/common/_vanished.lua`).
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from redis.asyncio import Redis

from jobs.store import keys
from jobs.store.client import translated_errors

log = structlog.get_logger(__name__)

Vanished = dict[str, str]
"""How many of each kind, and under "newest" the id of the last one."""


class VanishedLog:
    """Logs what is new."""

    def __init__(self) -> None:
        self._noted: Vanished = {}

    def note(self, flat: Sequence[bytes]) -> None:
        """`flat` is the hash as a script returns it: names and values in turns."""
        vanished = {flat[at].decode(): flat[at + 1].decode() for at in range(0, len(flat), 2)}
        if vanished and vanished != self._noted:
            log.error(
                "store.records_vanished",
                **vanished,
                remedy="the store evicts keys, or somebody deleted some; run pressrun doctor",
            )
        self._noted = vanished


async def read_vanished(redis: Redis) -> Vanished:
    """Returns what has vanished within the last hour. Raises StoreUnavailable."""
    with translated_errors():
        found = await redis.hgetall(keys.VANISHED)  # type: ignore[misc]
    return {name.decode(): value.decode() for name, value in found.items()}
