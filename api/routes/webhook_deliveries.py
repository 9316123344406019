"""Webhook deliveries: what was sent where, how it went, and sending it again."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response

from api.access.auth import Caller
from api.contract.requests.webhooks import DeliveryListQuery, OriginDeliveryListQuery
from api.contract.responses.webhooks import DeliveryDocument, DeliveryList, DeliveryWithEvent
from api.http.json_responses import json_reply
from api.http.operation import Answer, operation
from api.services import Services
from jobs.core.errors.request import WebhookEndpointNotFound
from jobs.webhooks.delivery import Delivery, origin_of, origin_target
from jobs.webhooks.endpoint import Endpoint

_DELIVERIES = "/v1/webhook-deliveries"
_DELIVERY = f"{_DELIVERIES}/{{delivery_id}}"
_DELIVERY_NOT_FOUND = {404: "webhook_delivery_not_found"}


class WebhookDeliveryRoutes:
    def __init__(self, services: Services) -> None:
        self._endpoints = services.webhooks.endpoints
        self._deliveries = services.webhooks.deliveries

    async def _endpoint(self, request: Request, caller: Caller) -> Endpoint:
        return await self._endpoints.get(caller.tenant, request.path_params["endpoint_id"])

    async def _delivery(self, request: Request, caller: Caller) -> Delivery:
        return await self._deliveries.get(caller.tenant, request.path_params["delivery_id"])

    @operation(
        "GET /v1/webhook-endpoints/{endpoint_id}/deliveries",
        {200: Answer("A page of deliveries.", DeliveryList), 404: "webhook_endpoint_not_found"},
        find=_endpoint,
    )
    async def list_webhook_endpoint_deliveries(
        self, caller: Caller, query: DeliveryListQuery, found: Endpoint
    ) -> Response:
        """List deliveries to an endpoint, newest first."""
        return await self._page(caller, found.id, query)

    @operation(f"GET {_DELIVERIES}", {200: Answer("A page of deliveries.", DeliveryList)})
    async def list_webhook_url_deliveries(self, caller: Caller, query: OriginDeliveryListQuery) -> Response:
        """List deliveries to the `webhook_url`s of one origin, newest first."""
        try:
            return await self._page(caller, origin_target(caller.tenant, origin_of(query.url)), query)
        except WebhookEndpointNotFound:  # nothing was ever sent there
            return json_reply({"items": [], "next_cursor": None})

    @operation(
        f"GET {_DELIVERY}",
        {200: Answer("The delivery.", DeliveryWithEvent), **_DELIVERY_NOT_FOUND},
        find=_delivery,
    )
    async def get_webhook_delivery(self, found: Delivery) -> Response:
        """Get a delivery with every attempt."""
        body = await self._deliveries.body(found)
        return json_reply({**found.document(), "event": None if body is None else json.loads(body)})

    @operation(
        f"POST {_DELIVERY}/redeliver",
        {
            202: Answer("Queued: the delivery as it is now.", DeliveryDocument),
            **_DELIVERY_NOT_FOUND,
            409: "webhook_conflict",
        },
        find=_delivery,
    )
    async def redeliver_webhook(self, caller: Caller, found: Delivery) -> Response:
        """Send a delivery that has ended again, even if it succeeded."""
        await self._deliveries.redeliver(caller.tenant, found.id)
        return json_reply((await self._deliveries.get(caller.tenant, found.id)).document(), 202)

    async def _page(self, caller: Caller, target_id: str, query: DeliveryListQuery) -> Response:
        found, next_cursor = await self._deliveries.page(
            caller.tenant,
            target_id,
            status=query.status,
            event_type=query.event_type,
            since_ms=None if query.since is None else int(query.since.timestamp() * 1000),
            until_ms=None if query.until is None else int(query.until.timestamp() * 1000),
            limit=query.limit,
            cursor=query.cursor,
        )
        return json_reply({"items": [delivery.document() for delivery in found], "next_cursor": next_cursor})
