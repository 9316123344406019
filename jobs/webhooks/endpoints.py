"""The webhook endpoints of the tenants in the store: create, read, change, delete."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from redis.asyncio import Redis

from jobs.core.errors.request import (
    TooManyWebhookEndpoints,
    WebhookConflict,
    WebhookEndpointNotFound,
    unknown_cursor,
)
from jobs.core.ids import new_ulid
from jobs.store import keys
from jobs.store.client import translated_errors
from jobs.store.scripts import Scripts
from jobs.webhooks.credentials import Credentials, CredentialsBox, CredentialsUnreadable, tenant_owner
from jobs.webhooks.delivery import DeliveryStatus, paced_origin
from jobs.webhooks.endpoint import Endpoint, EndpointConfig, EndpointStatus

_ENDPOINT_ID = re.compile(r"we_[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")
_CHANGE_TRIES = 20
_RECOVERABLE = (DeliveryStatus.EXHAUSTED, DeliveryStatus.DISCARDED)


@dataclass(frozen=True, slots=True)
class EndpointState:
    """Counts are since the endpoint was created, times are Unix milliseconds."""

    deliveries: dict[str, int]
    """How many are in each status, of those still kept."""
    succeeded_attempts: int
    failed_attempts: int
    mean_ms: float | None
    in_flight: int
    consecutive_failures: int
    last_success_ms: int | None
    last_failure_ms: int | None
    failing_since_ms: int | None
    held_until_ms: int | None
    """Nothing is sent until then: the circuit breaker is open, or the receiver sent Retry-After."""


class Endpoints:
    """Every method raises `StoreUnavailable` if the store does not answer."""

    def __init__(self, redis: Redis, scripts: Scripts, box: CredentialsBox) -> None:
        self._redis = redis
        self._scripts = scripts
        self._box = box

    async def create(self, tenant: str, config: EndpointConfig, credentials: Credentials) -> Endpoint:
        """Makes an endpoint. It gets the events that it wants from now on.

        Raises:
            StoreEvicts: the store may forget endpoints.
            TooManyWebhookEndpoints: the tenant has as many as it may have.
        """
        await self._scripts.eviction.check()
        id = f"we_{new_ulid()}"
        sealed = self._box.seal(credentials, id)
        new = Endpoint(id=id, tenant=tenant, status=EndpointStatus.ENABLED, config=config, sealed=sealed)
        if await self._put(new, None) == b"full":
            raise TooManyWebhookEndpoints(
                "The tenant has as many webhook endpoints as it may have. Delete one that is not used, "
                "or raise PRESSRUN_MAX_WEBHOOK_ENDPOINTS."
            )
        return await self.get(tenant, id)

    async def get(self, tenant: str, endpoint_id: str) -> Endpoint:
        """Raises WebhookEndpointNotFound."""
        found = await self.read_many(tenant, [endpoint_id]) if _ENDPOINT_ID.match(endpoint_id) else []
        if not found:
            raise WebhookEndpointNotFound(endpoint_id)
        return found[0]

    async def page(self, tenant: str, limit: int, cursor: str | None) -> tuple[list[Endpoint], str | None]:
        """Returns endpoints, newest first, and the cursor of the next page.

        Raises:
            InvalidInput: the cursor was never given out.
        """
        if cursor is not None and not _ENDPOINT_ID.match(cursor):
            raise unknown_cursor()
        newest = f"({cursor}" if cursor else "+"
        with translated_errors():
            ids = await self._redis.zrevrangebylex(
                keys.ENDPOINT_IDS + tenant, newest, "-", start=0, num=limit + 1
            )
        endpoints = await self.read_many(tenant, [each.decode() for each in ids[:limit]])
        return endpoints, endpoints[-1].id if len(ids) > limit and endpoints else None

    async def read_many(self, tenant: str, endpoint_ids: list[str]) -> list[Endpoint]:
        """Returns those that exist, in the order of the ids."""
        with translated_errors():
            async with self._redis.pipeline(transaction=False) as pipe:
                for endpoint_id in endpoint_ids:
                    pipe.hgetall(keys.WEBHOOK_TARGET + endpoint_id)
                records = await pipe.execute()
        return [
            Endpoint.from_record(endpoint_id, record)
            for endpoint_id, record in zip(endpoint_ids, records, strict=True)
            if record.get(b"tenant") == tenant.encode()
        ]

    async def change(
        self,
        tenant: str,
        endpoint_id: str,
        change: Callable[[Endpoint], tuple[Endpoint, Credentials | None]],
    ) -> Endpoint:
        """Changes an endpoint and returns it as it is then.

        `change` gets the endpoint as it is, and is called again if somebody else was faster. It
        returns credentials only if they change, else None.

        Raises:
            WebhookEndpointNotFound: the tenant has no such endpoint.
            WebhookConflict: it is changed all the time.
        """
        for _ in range(_CHANGE_TRIES):
            before = await self.get(tenant, endpoint_id)
            after, credentials = change(before)
            sealed = self._box.seal(credentials, endpoint_id) if credentials else self._resealed(before)
            answer = await self._put(replace(after, sealed=sealed), before.change)
            if answer == b"missing":
                raise WebhookEndpointNotFound(endpoint_id)
            if answer == b"ok":
                return await self.get(tenant, endpoint_id)
        raise WebhookConflict(f"{endpoint_id} is being changed by others. Try again.")

    async def delete(self, tenant: str, endpoint_id: str) -> None:
        """Removes it; its deliveries follow within a minute. Raises WebhookEndpointNotFound."""
        if not await self._scripts.call("webhook_endpoint_delete", endpoint_id=endpoint_id, tenant=tenant):
            raise WebhookEndpointNotFound(endpoint_id)

    def credentials(self, endpoint: Endpoint) -> Credentials:
        """Raises CredentialsUnreadable."""
        return self._box.open(endpoint.sealed, endpoint.id)

    def _resealed(self, endpoint: Endpoint) -> str:
        """Encrypts with the first key; leaves what cannot be read as it is."""
        try:
            return self._box.seal(self.credentials(endpoint), endpoint.id)
        except CredentialsUnreadable:
            return endpoint.sealed

    def headers(self, endpoint: Endpoint) -> Mapping[str, str] | None:
        """Returns the headers that the owner has set; None if they cannot be read."""
        try:
            return self.credentials(endpoint).headers
        except CredentialsUnreadable:
            return None

    async def tenant_credentials(self, tenant: str) -> Credentials:
        """Returns what signs deliveries to `webhook_url`s; makes it when first asked for.

        Raises CredentialsUnreadable.
        """
        return self._box.open(await self.tenant_seal(tenant), tenant_owner(tenant))

    async def tenant_seal(self, tenant: str) -> bytes:
        """Returns the same, sealed; makes it if needed, even if this process cannot read it."""
        key = keys.TENANT + tenant
        with translated_errors():
            sealed: bytes | None = await self._redis.hget(key, "webhook_secret")  # type: ignore[misc]
            if sealed is None:
                fresh = self._box.seal(Credentials.fresh(), tenant_owner(tenant))
                await self._redis.hsetnx(key, "webhook_secret", fresh)  # type: ignore[misc]
                sealed = await self._redis.hget(key, "webhook_secret")  # type: ignore[misc]
        return sealed or b""

    async def recoverable(self, endpoint_ids: list[str]) -> list[int]:
        """Returns for each endpoint how many deliveries were exhausted or discarded."""
        with translated_errors():
            async with self._redis.pipeline(transaction=False) as pipe:
                for endpoint_id in endpoint_ids:
                    for status in _RECOVERABLE:
                        pipe.zcard(f"{keys.DELIVERIES}{endpoint_id}:{status}")
                counts = await pipe.execute()
        return [sum(counts[i : i + 2]) for i in range(0, len(counts), 2)]

    async def state(self, tenant: str, endpoint_id: str) -> EndpointState:
        """Raises WebhookEndpointNotFound."""
        await self.get(tenant, endpoint_id)
        with translated_errors():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hgetall(keys.WEBHOOK_TARGET + endpoint_id)
                for status in DeliveryStatus:
                    pipe.zcard(f"{keys.DELIVERIES}{endpoint_id}:{status}")
                record, *counts = await pipe.execute()

        def number(name: bytes) -> int | None:
            return int(float(record[name])) if name in record else None

        succeeded = number(b"ok") or 0
        return EndpointState(
            deliveries={str(status): count for status, count in zip(DeliveryStatus, counts, strict=True)},
            succeeded_attempts=succeeded,
            failed_attempts=number(b"bad") or 0,
            mean_ms=round((number(b"millis") or 0) / succeeded, 1) if succeeded else None,
            in_flight=number(b"in_flight") or 0,
            consecutive_failures=number(b"failures") or 0,
            last_success_ms=number(b"last_ok"),
            last_failure_ms=number(b"last_bad"),
            failing_since_ms=number(b"failing"),
            held_until_ms=number(b"held"),
        )

    async def _put(self, endpoint: Endpoint, read_at: int | None) -> Any:
        rate = endpoint.config.max_per_second
        return await self._scripts.call(
            "webhook_endpoint_put",
            endpoint_id=endpoint.id,
            tenant=endpoint.tenant,
            read_at=read_at,
            config=endpoint.config.to_json(),
            sealed=endpoint.sealed,
            url=endpoint.config.url,
            origin=paced_origin(endpoint.config.url),
            status=endpoint.status,
            max_in_flight=endpoint.config.max_in_flight,
            interval_ms=None if rate is None else 1000 / rate,
        )
