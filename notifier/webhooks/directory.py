"""Knows which webhook endpoints of a tenant want an event.

Keeps the endpoints in memory. The store counts the changes of each tenant's endpoints, and a reader
that is behind reads only those that changed. So 10,000 endpoints cost nothing while nobody changes
them.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis

from jobs.store import keys
from jobs.store.client import translated_errors
from jobs.webhooks.endpoint import Endpoint, type_pattern, wants_job
from jobs.webhooks.endpoints import Endpoints
from jobs.webhooks.outbox import OutboxEvent

MAX_TENANTS = 10_000
_READ_AT_ONCE = 500


class TenantEndpoints:
    """One tenant's endpoints as they were at `change`. Immutable: it may be used across awaits."""

    def __init__(self, endpoints: Mapping[str, Endpoint], change: int) -> None:
        self.endpoints = endpoints
        self.change = change
        self._by_type: dict[str, list[Endpoint]] = {}

    def matching(self, event: OutboxEvent, sequence: int) -> list[str]:
        candidates = self._by_type.get(event.type)
        if candidates is None:
            candidates = [
                endpoint
                for endpoint in self.endpoints.values()
                if type_pattern(endpoint.config.event_types).fullmatch(event.type)
            ]
            self._by_type[event.type] = candidates
        job: dict[str, Any] | None = None
        if any(endpoint.config.kinds or endpoint.config.tags for endpoint in candidates):
            job = json.loads(event.body)["data"].get("job")
        return [
            endpoint.id
            for endpoint in candidates
            if endpoint.first_sequence <= sequence and wants_job(endpoint.config, job)
        ]


class Directory:
    def __init__(self, redis: Redis, endpoints: Endpoints) -> None:
        self._redis = redis
        self._endpoints = endpoints
        self._tenants: OrderedDict[str, TenantEndpoints] = OrderedDict()
        self._reading = asyncio.Lock()

    async def of(self, tenant: str, change: int) -> TenantEndpoints:
        """Returns the tenant's endpoints as of `change` or later. Raises StoreUnavailable."""
        known = self._tenants.get(tenant)
        if known is None or known.change != change:
            async with self._reading:
                known = await self._catch_up(tenant, self._tenants.get(tenant, TenantEndpoints({}, 0)))
                self._tenants[tenant] = known
                if len(self._tenants) > MAX_TENANTS:
                    self._tenants.popitem(last=False)
        self._tenants.move_to_end(tenant)
        return known

    async def _catch_up(self, tenant: str, known: TenantEndpoints) -> TenantEndpoints:
        """Reads what changed; all ids if one was deleted; everything if it is another store."""
        key = keys.ENDPOINTS + tenant
        with translated_errors():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hget(keys.TENANT + tenant, "endpoint_changes")
                pipe.zcard(key)
                pipe.zrangebyscore(key, f"({known.change}", "+inf")
                latest, count, changed = await pipe.execute()
        change = int(latest or 0)
        endpoints = {**known.endpoints, **await self._read(tenant, changed)}
        if len(endpoints) != count or change < known.change:
            with translated_errors():
                ids = await self._redis.zrange(key, 0, -1)
            kept = {} if change < known.change else endpoints
            endpoints = {each.decode(): kept[each.decode()] for each in ids if each.decode() in kept}
            endpoints |= await self._read(tenant, [each for each in ids if each.decode() not in endpoints])
        return TenantEndpoints(endpoints, change)

    async def _read(self, tenant: str, ids: list[bytes]) -> dict[str, Endpoint]:
        found: dict[str, Endpoint] = {}
        for start in range(0, len(ids), _READ_AT_ONCE):
            part = [each.decode() for each in ids[start : start + _READ_AT_ONCE]]
            found |= {each.id: each for each in await self._endpoints.read_many(tenant, part)}
        return found
