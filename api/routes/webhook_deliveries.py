"""Deliveries: what was sent where, how it went, and again."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.access.auth import Authenticator, Caller
from api.contract.requests import NoQuery
from api.http.endpoint import Resource
from api.http.json_responses import json_reply
from api.http.query import read_query
from api.services import Services
from api.webhooks.schemas import DeliveryListQuery, OriginDeliveryListQuery
from jobs.core.errors.request import WebhookEndpointNotFound
from jobs.webhooks.delivery import origin_of, origin_target


class WebhookDeliveryRoutes:
    def __init__(self, services: Services) -> None:
        self._endpoints = services.webhooks.endpoints
        self._deliveries = services.webhooks.deliveries

    def routes(self, auth: Authenticator) -> list[BaseRoute]:
        return [
            Resource("/v1/webhook-endpoints/{endpoint_id}/deliveries", auth.by_key, GET=self.list),
            Resource("/v1/webhook-deliveries", auth.by_key, GET=self.list_of_origin),
            Resource("/v1/webhook-deliveries/{delivery_id}", auth.by_key, GET=self.show),
            Resource("/v1/webhook-deliveries/{delivery_id}/redeliver", auth.by_key, POST=self.redeliver),
        ]

    async def list(self, request: Request, caller: Caller) -> Response:
        """A page of the deliveries to an endpoint, newest first."""
        endpoint = await self._endpoints.get(caller.tenant, request.path_params["endpoint_id"])
        return await self._page(caller, endpoint.id, read_query(request.scope, DeliveryListQuery))

    async def list_of_origin(self, request: Request, caller: Caller) -> Response:
        """A page of the deliveries to the `webhook_url`s of one origin."""
        query = read_query(request.scope, OriginDeliveryListQuery)
        try:
            return await self._page(caller, origin_target(caller.tenant, origin_of(query.url)), query)
        except WebhookEndpointNotFound:  # nothing was ever sent there
            return json_reply({"items": [], "next_cursor": None})

    async def show(self, request: Request, caller: Caller) -> Response:
        """A delivery, every attempt at it, and the event."""
        read_query(request.scope, NoQuery)
        delivery = await self._deliveries.get(caller.tenant, request.path_params["delivery_id"])
        body = await self._deliveries.body(delivery)
        return json_reply({**delivery.document(), "event": None if body is None else json.loads(body)})

    async def redeliver(self, request: Request, caller: Caller) -> Response:
        """202 and the delivery, which waits for its turn."""
        read_query(request.scope, NoQuery)
        delivery = await self._deliveries.get(caller.tenant, request.path_params["delivery_id"])
        await self._deliveries.redeliver(caller.tenant, delivery.id)
        return json_reply((await self._deliveries.get(caller.tenant, delivery.id)).document(), 202)

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
