"""Tells how many bytes of artifacts each tenant keeps (`scripts/common/_kept.lua` counts them)."""

from __future__ import annotations

from redis.asyncio import Redis

from jobs.store import keys
from jobs.store.client import translated_errors

WARN_AT_PERCENT = 80
"""Of `PRESSRUN_MAX_TENANT_BYTES`. Above it, operators are warned."""


async def read_kept_bytes(redis: Redis) -> dict[str, int]:
    """Returns the bytes of each tenant that keeps any, most first. Raises StoreUnavailable."""
    with translated_errors():
        found = await redis.hgetall(keys.KEPT_BYTES)  # type: ignore[misc]
    kept = {tenant.decode(): int(size) for tenant, size in found.items()}
    return dict(sorted(kept.items(), key=lambda item: -item[1]))


def near_quota(kept: dict[str, int], max_bytes: int | None) -> dict[str, int]:
    """Returns those at 80 % of `max_bytes` or more; none if there is no limit."""
    if max_bytes is None:
        return {}
    return {tenant: size for tenant, size in kept.items() if size * 100 >= max_bytes * WARN_AT_PERCENT}
