"""Asks the store what it is and how durable its writes are, for `/readyz` and `pressrun doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from jobs.store.client import translated_errors

Durability = Literal["always", "everysec", "no", "none", "unknown"]
"""What a power cut loses: nothing; about a second; what the kernel had not written; all since the
last snapshot."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """A store as it describes itself."""

    server: str
    """Such as ``Valkey 9.1.2``."""
    compatible_version: tuple[int, ...]
    """The Redis version whose commands it has; Valkey 7.2 and later say 7.2."""
    durability: Durability
    eviction: str
    """`noeviction` is the only policy under which no job can vanish."""
    is_cluster: bool


async def read_facts(redis: Redis) -> StoreFacts:
    """Asks the store.

    Raises:
        StoreUnavailable: it does not answer.
    """
    with translated_errors():
        info: dict[str, Any] = await redis.info()
        fsync = await _appendfsync(redis)
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info["redis_version"])
    return StoreFacts(
        server=f"{name} {info.get('valkey_version', version)}",
        compatible_version=tuple(int(part) for part in version.split(".")[:3]),
        durability=fsync if int(info.get("aof_enabled", 0)) else "none",
        eviction=str(info.get("maxmemory_policy", "unknown")),
        is_cluster=bool(int(info.get("cluster_enabled", 0))),
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
