"""Says in the log that the store is nearly full, before it refuses submissions."""

from __future__ import annotations

import time

import structlog
from redis.asyncio import Redis

from jobs.store.memory import read_memory

log = structlog.get_logger(__name__)

SAY_AGAIN_S = 600.0
"""Between two warnings of one worker while the store stays nearly full."""


class MemoryWatch:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._silent_until = 0.0

    async def look(self) -> None:
        """Warns if the store is nearly full. Raises StoreUnavailable."""
        memory = await read_memory(self._redis)
        if memory is not None and memory.is_nearly_full and time.monotonic() >= self._silent_until:
            self._silent_until = time.monotonic() + SAY_AGAIN_S
            log.warning(
                "store.nearly_full",
                used=memory.used,
                limit=memory.limit,
                percent=memory.percent,
                events=memory.events,
            )
