"""Asks the store what it is, how durable its writes are, and how full it is.

`/readyz` and `pressrun doctor` report the answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from jobs.core.settings import SENTINEL_SCHEMES, Settings
from jobs.store.client import read_info, translated_errors
from jobs.store.eviction import UNKNOWN
from jobs.store.memory import StoreMemory, memory_of

Durability = Literal["always", "everysec", "no", "none", "unknown"]
"""What a power cut loses: nothing; about a second; what the kernel had not written; all since the
last snapshot."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """A store as it describes itself."""

    server: str
    """Such as ``Valkey 9.1.2``."""
    compatible_version: tuple[int, ...] | None
    """The Redis version whose commands it has (Valkey 7.2 and later say 7.2); None if it does not
    tell."""
    durability: Durability
    eviction: str
    """`maxmemory-policy`, or ``unknown``. See `jobs.store.eviction`."""
    is_cluster: bool
    replicas: int = 0
    """How many follow it. Replication is asynchronous: a replica that becomes the primary may lack
    what was acknowledged in the last moments."""
    needs_replicas: bool = False
    """Whether it refuses writes while too few replicas follow (`min-replicas-to-write`)."""
    memory: StoreMemory | None = None
    """None if it does not tell."""


def may_fail_over(facts: StoreFacts, settings: Settings) -> bool:
    """Whether another server may take over: the store has replicas, or Sentinel finds it."""
    return facts.replicas > 0 or urlsplit(settings.redis_url).scheme in SENTINEL_SCHEMES


async def read_facts(redis: Redis) -> StoreFacts:
    """Asks the store. Raises StoreUnavailable."""
    info = await read_info(redis)
    if info is None:
        return StoreFacts("Redis or Valkey", None, "unknown", UNKNOWN, is_cluster=False)
    with translated_errors():
        fsync = await _appendfsync(redis)
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info["redis_version"])
    return StoreFacts(
        server=f"{name} {info.get('valkey_version', version)}",
        compatible_version=tuple(int(part) for part in version.split(".")[:3]),
        durability=fsync if int(info.get("aof_enabled", 0)) else "none",
        eviction=str(info.get("maxmemory_policy", UNKNOWN)),
        is_cluster=bool(int(info.get("cluster_enabled", 0))),
        replicas=int(info.get("connected_slaves", 0)),
        needs_replicas="min_slaves_good_slaves" in info,
        memory=await memory_of(redis, info),
    )


async def _appendfsync(redis: Redis) -> Durability:
    try:
        answer = await redis.config_get("appendfsync")
    except ResponseError:  # hosted stores hide CONFIG
        return "unknown"
    value = answer.get("appendfsync", answer.get(b"appendfsync", b""))
    match value.decode() if isinstance(value, bytes) else value:
        case "always" | "everysec" | "no" as level:
            return level
        case _:
            return "unknown"
