"""Asks the store how full it is, for operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from jobs.store import keys
from jobs.store.client import read_info, translated_errors

WARN_AT_PERCENT = 80
"""Above this much of `maxmemory`, operators are warned. Event logs leave more room than that, so
what fills the store is what only they can limit: jobs, input, webhook deliveries, results in it."""
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class StoreMemory:
    """Sizes in bytes."""

    used: int
    limit: int | None
    """`maxmemory`; None if there is none."""
    events: int
    """Of `used`: the event logs and the bus, when they were last measured."""

    @property
    def percent(self) -> int | None:
        """How full the store is; more than 100 is possible, because accepted jobs may finish."""
        return None if self.limit is None else self.used * 100 // self.limit

    @property
    def is_nearly_full(self) -> bool:
        return self.percent is not None and self.percent >= WARN_AT_PERCENT

    def __str__(self) -> str:
        events = f"events {self.events / MIB:.1f} MiB"
        if self.limit is None:
            return f"{self.used / MIB:.1f} MiB, no limit ({events})"
        return f"{self.used / MIB:.1f} of {self.limit / MIB:.1f} MiB, {self.percent} % ({events})"


async def read_memory(redis: Redis) -> StoreMemory | None:
    """Asks the store. None if it forbids INFO.

    Raises:
        StoreUnavailable: it does not answer.
    """
    info = await read_info(redis, "memory")
    return None if info is None else await memory_of(redis, info)


async def memory_of(redis: Redis, info: Mapping[str, Any]) -> StoreMemory:
    """Asks the store for the events, and takes the rest from `info`. Raises StoreUnavailable."""
    with translated_errors():
        events = await redis.hvals(keys.EVENT_BYTES)  # type: ignore[misc]
    return StoreMemory(
        used=int(info["used_memory"]) - int(info.get("mem_not_counted_for_evict", 0)),
        limit=int(info.get("maxmemory", 0)) or None,
        events=sum(map(int, events)),
    )
