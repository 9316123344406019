"""`/v1/webhook-endpoints`: the servers that receive events, and how deliveries to them go."""

from __future__ import annotations

import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.access.auth import Caller
from api.contract.answers import GONE
from api.contract.requests.webhooks import (
    EndpointListQuery,
    EndpointPatch,
    EndpointRequest,
    RecoverRequest,
    ReplayRequest,
)
from api.contract.responses.webhooks import (
    CountDocument,
    CreatedEndpoint,
    EndpointDocument,
    EndpointList,
    ReplayDocument,
    StatsDocument,
    TestDocument,
)
from api.http.json_responses import NO_STORE, json_reply
from api.http.operation import Answer, operation
from api.services import Services
from api.webhooks.replay import replay
from api.webhooks.verdict import verdict
from jobs.core.egress import EgressError
from jobs.core.errors.request import InvalidInput
from jobs.core.events import Cursor
from jobs.core.times import rfc3339
from jobs.store.keys import WEBHOOK_BREAKER_FAILURES
from jobs.webhooks.credentials import Credentials, Secret, new_secret
from jobs.webhooks.endpoint import Endpoint, EndpointConfig
from jobs.webhooks.endpoints import EndpointState

TEST_TIMEOUT_S = 22.0
"""How long a test waits for a notifier and its exchange with the receiver."""

_ENDPOINTS = "/v1/webhook-endpoints"
_ENDPOINT = f"{_ENDPOINTS}/{{endpoint_id}}"
_ENDPOINT_NOT_FOUND = {404: "webhook_endpoint_not_found"}


class WebhookEndpointRoutes:
    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._endpoints = services.webhooks.endpoints
        self._deliveries = services.webhooks.deliveries
        self._destinations = services.webhooks.destinations
        self._eventlog = services.eventlog

    async def _endpoint(self, request: Request, caller: Caller) -> Endpoint:
        return await self._endpoints.get(caller.tenant, request.path_params["endpoint_id"])

    @operation(
        f"POST {_ENDPOINTS}",
        {
            201: Answer("The endpoint, with its secret.", CreatedEndpoint, headers=("Location",)),
            409: "too_many_webhook_endpoints",
            503: "store_unavailable, store_full, store_evicts",
        },
    )
    async def create_webhook_endpoint(self, caller: Caller, body: EndpointRequest) -> Response:
        """Register an endpoint, which receives the later events that it asks for."""
        await self._check_url(body.url)
        credentials = Credentials((Secret(body.secret or new_secret()),), body.headers)
        endpoint = await self._endpoints.create(
            caller.tenant, EndpointConfig.of(body.model_dump()), credentials
        )
        document = {**endpoint.document(body.headers, 0), "secret": credentials.secrets[0].text}
        location = (b"location", f"{_ENDPOINTS}/{endpoint.id}".encode())
        return json_reply(document, 201, (NO_STORE, location))

    @operation(f"GET {_ENDPOINTS}", {200: Answer("A page of endpoints.", EndpointList)})
    async def list_webhook_endpoints(self, caller: Caller, query: EndpointListQuery) -> Response:
        """List endpoints, newest first."""
        found, next_cursor = await self._endpoints.page(caller.tenant, query.limit, query.cursor)
        recoverable = await self._endpoints.recoverable([endpoint.id for endpoint in found])
        items = [
            endpoint.document(self._endpoints.headers(endpoint), count)
            for endpoint, count in zip(found, recoverable, strict=True)
        ]
        return json_reply({"items": items, "next_cursor": next_cursor})

    @operation(
        f"GET {_ENDPOINT}",
        {200: Answer("The endpoint.", EndpointDocument), **_ENDPOINT_NOT_FOUND},
        find=_endpoint,
    )
    async def get_webhook_endpoint(self, found: Endpoint) -> Response:
        """Get an endpoint."""
        return await self._reply(found)

    @operation(
        f"PATCH {_ENDPOINT}",
        {
            200: Answer("The endpoint as it is now.", EndpointDocument),
            **_ENDPOINT_NOT_FOUND,
            409: "webhook_conflict, credentials_unreadable",
        },
        find=_endpoint,
    )
    async def change_webhook_endpoint(self, caller: Caller, found: Endpoint, body: EndpointPatch) -> Response:
        """Change, pause, disable or enable an endpoint."""
        if body.url is not None:
            await self._check_url(body.url)
        members = body.model_dump(exclude_unset=True)

        def apply(endpoint: Endpoint) -> tuple[Endpoint, Credentials | None]:
            changed = dataclasses.replace(
                endpoint,
                status=members.get("status", endpoint.status),
                config=EndpointConfig.of({**dataclasses.asdict(endpoint.config), **members}),
            )
            if "headers" not in members:
                return changed, None
            credentials = self._endpoints.credentials(endpoint)
            return changed, dataclasses.replace(credentials, headers=members["headers"])

        return await self._reply(await self._endpoints.change(caller.tenant, found.id, apply))

    @operation(f"DELETE {_ENDPOINT}", {204: GONE, **_ENDPOINT_NOT_FOUND})
    async def delete_webhook_endpoint(self, request: Request, caller: Caller) -> Response:
        """Delete an endpoint with its deliveries."""
        await self._endpoints.delete(caller.tenant, request.path_params["endpoint_id"])
        return Response(status_code=204)

    @operation(
        f"POST {_ENDPOINT}/test",
        {200: Answer("The verdict.", TestDocument), **_ENDPOINT_NOT_FOUND, 409: "credentials_unreadable"},
        find=_endpoint,
    )
    async def test_webhook_endpoint(self, caller: Caller, found: Endpoint) -> Response:
        """Send a `webhook.test` event and explain what happened to it."""
        signing = len(self._endpoints.credentials(found).signing(self._now_ms()))
        event_id, attempt = await self._deliveries.test(caller.tenant, found.id, TEST_TIMEOUT_S)
        return json_reply(verdict(found.config.url, event_id, attempt, signing, self._now_ms()))

    @operation(
        f"GET {_ENDPOINT}/stats",
        {
            200: Answer("Counts, times, and the state of the circuit breaker.", StatsDocument),
            **_ENDPOINT_NOT_FOUND,
        },
        find=_endpoint,
    )
    async def get_webhook_endpoint_stats(self, caller: Caller, found: Endpoint) -> Response:
        """Get counts and times of the deliveries to an endpoint."""
        return json_reply(_stats(await self._endpoints.state(caller.tenant, found.id), self._now_ms()))

    @operation(
        f"POST {_ENDPOINT}/recover",
        {202: Answer("Queued.", CountDocument), **_ENDPOINT_NOT_FOUND, 409: "webhook_conflict"},
        find=_endpoint,
    )
    async def recover_webhook_endpoint(
        self, caller: Caller, found: Endpoint, body: RecoverRequest
    ) -> Response:
        """Send deliveries again that failed or were discarded since a time."""
        since_ms = int(body.since.timestamp() * 1000)
        count = await self._deliveries.recover(caller.tenant, found.id, since_ms)
        return json_reply({"count": count}, 202)

    @operation(
        f"POST {_ENDPOINT}/replay",
        {
            202: Answer("Queued: a bounded number at a time.", ReplayDocument),
            **_ENDPOINT_NOT_FOUND,
            409: "webhook_conflict",
            410: "cursor_expired",
        },
        find=_endpoint,
    )
    async def replay_to_webhook_endpoint(self, found: Endpoint, body: ReplayRequest) -> Response:
        """Deliver past events to an endpoint.

        Only events that the endpoint asks for, and that it has no delivery of yet.
        """
        after = None if body.after is None else Cursor.parse(body.after)
        count, next_cursor = await replay(self._eventlog, self._deliveries, found, after)
        return json_reply({"count": count, "next_cursor": next_cursor}, 202)

    async def _reply(self, endpoint: Endpoint) -> Response:
        (recoverable,) = await self._endpoints.recoverable([endpoint.id])
        return json_reply(endpoint.document(self._endpoints.headers(endpoint), recoverable))

    async def _check_url(self, url: str) -> None:
        try:
            await self._destinations.check_registration(url)
        except EgressError as error:
            raise InvalidInput(str(error), [{"pointer": "/url", "message": str(error)}]) from None

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _stats(state: EndpointState, now_ms: int) -> dict[str, Any]:
    def time(ms: int | None) -> str | None:
        return None if ms is None else rfc3339(ms)

    is_held = state.held_until_ms is not None and state.held_until_ms > now_ms
    is_closed = state.consecutive_failures < WEBHOOK_BREAKER_FAILURES
    return {
        "deliveries": state.deliveries,
        "succeeded_attempts": state.succeeded_attempts,
        "failed_attempts": state.failed_attempts,
        "mean_ms": state.mean_ms,
        "in_flight": state.in_flight,
        "consecutive_failures": state.consecutive_failures,
        "breaker": "closed" if is_closed else "open" if is_held else "half_open",
        "last_success_at": time(state.last_success_ms),
        "last_failure_at": time(state.last_failure_ms),
        "failing_since": time(state.failing_since_ms),
        "held_until": time(state.held_until_ms) if is_held else None,
    }
