"""Refuses new work on a store that evicts keys: it would forget accepted jobs when it is full."""

from __future__ import annotations

import asyncio
import time

import structlog
from redis.asyncio import Redis

from jobs.core.errors.store import StoreEvicts
from jobs.core.settings import Settings
from jobs.store.client import read_info

log = structlog.get_logger(__name__)

UNKNOWN = "unknown"
ASK_AGAIN_S = 2.0
"""A failover or CONFIG SET may change the policy at any time. One answer of the store is enough for
all submissions of so many seconds."""


def evicts_jobs(policy: str) -> bool:
    """Says whether the store may remove any key. The `volatile-…` policies remove only keys that
    expire: no job is among them."""
    return policy.startswith("allkeys-")


async def read_policy(redis: Redis) -> str:
    """Returns `maxmemory-policy`, or `UNKNOWN` if the store does not tell.

    Raises:
        StoreUnavailable: it does not answer.
    """
    memory = await read_info(redis, "memory") or {}
    return str(memory.get("maxmemory_policy", UNKNOWN))


class EvictionGuard:
    """Asks the store now and then what it evicts, and logs each change."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._is_allowed = settings.eviction == "allow"
        self._policy = "noeviction"
        self._ask_at = 0.0
        self._asking = asyncio.Lock()

    async def check(self) -> None:
        """Returns if new work may be kept in the store.

        Raises:
            StoreEvicts: it may forget jobs, and `PRESSRUN_EVICTION` does not allow that.
            StoreUnavailable: it does not answer.
        """
        if time.monotonic() >= self._ask_at:
            async with self._asking:
                if time.monotonic() >= self._ask_at:
                    self._note(await read_policy(self._redis))
                    self._ask_at = time.monotonic() + ASK_AGAIN_S
        if evicts_jobs(self._policy) and not self._is_allowed:
            raise StoreEvicts(
                f"The store removes any key when it is full (maxmemory-policy {self._policy}). So that no accepted job "
                "vanishes, nothing new is accepted. Set maxmemory-policy noeviction in the store. If jobs may get "
                "lost, set PRESSRUN_EVICTION=allow instead."
            )

    def _note(self, policy: str) -> None:
        if policy == self._policy:
            return
        self._policy = policy
        if policy == "noeviction":
            log.info("store.evicts_nothing", policy=policy)
        elif evicts_jobs(policy) and not self._is_allowed:
            log.error("store.evicts_jobs", policy=policy, remedy="set maxmemory-policy noeviction")
        else:
            log.warning("store.may_evict", policy=policy, remedy="set maxmemory-policy noeviction")
