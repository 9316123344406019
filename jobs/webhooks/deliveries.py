"""The deliveries, as their owners use them: list, read, send again, test."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from jobs.core.errors.request import (
    WebhookConflict,
    WebhookDeliveryNotFound,
    WebhookEndpointNotFound,
)
from jobs.core.ids import new_ulid
from jobs.core.list_cursor import list_cursor, parse_list_cursor
from jobs.store import keys
from jobs.store.client import BLOCK_MS, translated_errors
from jobs.store.scripts import Scripts
from jobs.webhooks.delivery import DELIVERY_ID, Delivery, DeliveryStatus, delivery_id, paced_origin
from jobs.webhooks.outbox import GROUP

_RECOVER_BATCH = 200

PendingDelivery = Mapping[str, str | int]
"""A delivery to be made, as `webhook_dispatch.lua` takes it."""


def pending_delivery(event_id: str, target_id: str, url: str = "", max_in_flight: int = 0) -> PendingDelivery:
    """`url` is a job's `webhook_url`, else empty. `max_in_flight` is for an origin that is new."""
    return {
        "origin": paced_origin(url) if url else "",
        "delivery_id": delivery_id(event_id, target_id, url),
        "target_id": target_id,
        "url": url,
        "max_in_flight": max_in_flight,
    }


class Deliveries:
    """Every method raises `StoreUnavailable` if the store does not answer."""

    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._redis = redis
        self._scripts = scripts

    async def get(self, tenant: str, id: str) -> Delivery:
        """Raises WebhookDeliveryNotFound."""
        if not DELIVERY_ID.match(id):
            raise WebhookDeliveryNotFound(id)
        with translated_errors():
            record = await self._redis.hgetall(keys.DELIVERY + id)  # type: ignore[misc]
        if record.get(b"tenant") != tenant.encode():
            raise WebhookDeliveryNotFound(id)
        return Delivery.from_record(id, record)

    async def body(self, delivery: Delivery) -> bytes | None:
        """Returns the exact body of its requests; None if it is gone."""
        with translated_errors():
            body: bytes | None = await self._redis.hget(  # type: ignore[misc]
                f"{keys.EVENT}{delivery.tenant}:{delivery.event_key}", "body"
            )
        return body

    async def page(
        self,
        tenant: str,
        target_id: str,
        *,
        status: DeliveryStatus | None = None,
        event_type: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> tuple[list[Delivery], str | None]:
        """Returns deliveries, newest first, and the cursor of the next page.

        If few deliveries pass the filters, pages may be short.

        Raises:
            WebhookEndpointNotFound: the tenant has no such target.
            InvalidInput: the cursor was never given out.
        """
        last_created, last_id = parse_list_cursor(cursor, DELIVERY_ID.match)
        answer = await self._scripts.call(
            "webhook_list",
            tenant=tenant,
            target_id=target_id,
            status=status,
            event_type=event_type,
            since_ms=since_ms,
            until_ms=until_ms,
            limit=limit,
            last_created=last_created,
            last_id=last_id,
        )
        if answer == b"missing":
            raise WebhookEndpointNotFound(target_id)
        rows, next_created, next_id = answer
        found = [
            Delivery.from_record(row[0].decode(), dict(zip(row[1::2], row[2::2], strict=True)))
            for row in rows
        ]
        return found, None if next_id is None else list_cursor(next_created, next_id)

    async def redeliver(self, tenant: str, id: str) -> None:
        """Sends a delivery again that has ended in any way.

        Raises:
            WebhookDeliveryNotFound: the tenant has no such delivery.
            WebhookConflict: it has not ended, or its endpoint is disabled.
        """
        answer = await self._again(tenant, id, None, None)
        if answer == b"missing":
            raise WebhookDeliveryNotFound(id)
        if answer == b"unfinished":
            raise WebhookConflict(f"{id} is on its way already, or its endpoint is disabled.")

    async def recover(self, tenant: str, endpoint_id: str, since_ms: int) -> int:
        """Sends deliveries again that were made since `since_ms` and were exhausted or discarded.

        Returns how many.

        Raises:
            WebhookEndpointNotFound: the tenant has no such endpoint.
            WebhookConflict: the endpoint is disabled.
        """
        recovered = 0
        while True:
            answer = await self._again(tenant, None, endpoint_id, since_ms)
            if answer == b"missing":
                raise WebhookEndpointNotFound(endpoint_id)
            if answer == b"unfinished":
                raise WebhookConflict(f"{endpoint_id} is disabled. Enable it first, then recover.")
            recovered += int(answer)
            if int(answer) < _RECOVER_BATCH:
                return recovered

    async def _again(
        self, tenant: str, delivery_id: str | None, target_id: str | None, since_ms: int | None
    ) -> Any:
        return await self._scripts.call(
            "webhook_again",
            tenant=tenant,
            target_id=target_id,
            since_ms=since_ms,
            limit=_RECOVER_BATCH,
            delivery_id=delivery_id,
        )

    async def dispatch(
        self,
        tenant: str,
        event_key: str,
        pending: Sequence[PendingDelivery],
        *,
        entry: bytes | None = None,
        kept: tuple[bytes | None, str | None, str | None] = (None, None, None),
    ) -> int:
        """Makes deliveries of an event; returns how many are new.

        The same step acknowledges `entry` of the outbox. `kept` is the body, id and type of a past
        event, which the outbox does not have any more.
        """
        body, event_id, event_type = kept
        made = await self._scripts.call(
            "webhook_dispatch",
            tenant=tenant,
            event_key=event_key,
            group=GROUP,
            entry=entry,
            body=body,
            event_id=event_id,
            event_type=event_type,
            rows=pending,
        )
        return int(made)

    async def test(
        self, tenant: str, endpoint_id: str, timeout_s: float
    ) -> tuple[str, dict[str, Any] | None]:
        """Lets a notifier send a `webhook.test` event, and waits for its attempt.

        Returns the id of the event, and the attempt; None if no attempt was made in time.

        Raises:
            WebhookEndpointNotFound: the tenant has no such endpoint.
        """
        event_id = f"evt_{new_ulid()}"
        id = delivery_id(event_id, endpoint_id)
        if not await self._scripts.call(
            "webhook_test", delivery_id=id, endpoint_id=endpoint_id, tenant=tenant, event_id=event_id
        ):
            raise WebhookEndpointNotFound(endpoint_id)
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            with translated_errors():
                wait_s = max(0.01, min(left_s, BLOCK_MS / 1000))
                answer = await self._redis.blpop([keys.WEBHOOK_VERDICT + id], wait_s)  # type: ignore[misc, arg-type]
            if answer is not None:
                return event_id, json.loads(answer[1])
        return event_id, None
