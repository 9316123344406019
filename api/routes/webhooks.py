"""`/v1/webhook-endpoints`: who is told of events, and how that fares."""

from __future__ import annotations

import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.access.auth import Authenticator, Caller
from api.contract.requests import NoQuery
from api.http.body import read_json_body
from api.http.endpoint import Resource
from api.http.json_responses import NO_STORE, json_reply
from api.http.problems import checked
from api.http.query import read_query
from api.services import Services
from api.webhooks.replay import Replay
from api.webhooks.schemas import (
    EndpointListQuery,
    EndpointPatch,
    EndpointRequest,
    RecoverRequest,
    ReplayRequest,
    RotateRequest,
)
from api.webhooks.verdict import verdict
from jobs.core.egress import EgressError
from jobs.core.errors.request import InvalidInput
from jobs.core.events import Cursor
from jobs.core.times import rfc3339
from jobs.webhooks.credentials import Credentials, CredentialsUnreadable, Secret, new_secret
from jobs.webhooks.endpoint import Endpoint, EndpointConfig
from jobs.webhooks.endpoints import EndpointState

TEST_TIMEOUT_S = 22.0
"""How long a test waits: for a notifier, and for the exchange it makes."""
_OPEN_AFTER = 5
_CONFIG = frozenset(field.name for field in dataclasses.fields(EndpointConfig))


class WebhookEndpointRoutes:
    def __init__(self, services: Services) -> None:
        self._max_body_bytes = services.settings.max_body_bytes
        self._clock = services.clock
        self._endpoints = services.webhooks.endpoints
        self._deliveries = services.webhooks.deliveries
        self._destinations = services.webhooks.destinations
        self._replay = Replay(services.eventlog, services.webhooks.deliveries)

    def routes(self, auth: Authenticator) -> list[BaseRoute]:
        one = "/v1/webhook-endpoints/{endpoint_id}"
        return [
            Resource("/v1/webhook-endpoints", auth.by_key, POST=self.create, GET=self.list),
            Resource(one, auth.by_key, GET=self.show, PATCH=self.change, DELETE=self.delete),
            Resource(f"{one}/secret", auth.by_key, GET=self.secret),
            Resource(f"{one}/secret/rotate", auth.by_key, POST=self.rotate),
            Resource(f"{one}/test", auth.by_key, POST=self.test),
            Resource(f"{one}/stats", auth.by_key, GET=self.stats),
            Resource(f"{one}/recover", auth.by_key, POST=self.recover),
            Resource(f"{one}/replay", auth.by_key, POST=self.replay),
            Resource("/v1/webhook-secret", auth.by_key, GET=self.tenant_secret),
        ]

    async def create(self, request: Request, caller: Caller) -> Response:
        """201 and the endpoint, with its secret."""
        read_query(request.scope, NoQuery)
        wanted = checked(EndpointRequest, await read_json_body(request, self._max_body_bytes))
        await self._check_url(wanted.url)
        members = wanted.model_dump(include=set(_CONFIG))
        credentials = Credentials((Secret(wanted.secret or new_secret()),), wanted.headers)
        endpoint = await self._endpoints.create(caller.tenant, _config(members), credentials)
        document = {**endpoint.document(wanted.headers, 0), "secret": credentials.secrets[0].text}
        location = (b"location", f"/v1/webhook-endpoints/{endpoint.id}".encode())
        return json_reply(document, 201, (NO_STORE, location))

    async def list(self, request: Request, caller: Caller) -> Response:
        """A page of endpoints, newest first."""
        query = read_query(request.scope, EndpointListQuery)
        found, next_cursor = await self._endpoints.page(caller.tenant, query.limit, query.cursor)
        recoverable = await self._endpoints.recoverable([endpoint.id for endpoint in found])
        items = [
            endpoint.document(self._endpoints.headers(endpoint), count)
            for endpoint, count in zip(found, recoverable, strict=True)
        ]
        return json_reply({"items": items, "next_cursor": next_cursor})

    async def show(self, request: Request, caller: Caller) -> Response:
        read_query(request.scope, NoQuery)
        return await self._reply(await self._get(request, caller))

    async def change(self, request: Request, caller: Caller) -> Response:
        """The endpoint after the change. `recoverable` says what enabling it again leaves to `recover`."""
        read_query(request.scope, NoQuery)
        await self._get(request, caller)
        wanted = checked(EndpointPatch, await read_json_body(request, self._max_body_bytes))
        if wanted.url is not None:
            await self._check_url(wanted.url)
        members = wanted.model_dump(exclude_unset=True)

        def apply(endpoint: Endpoint) -> tuple[Endpoint, Credentials | None]:
            config = {name: value for name, value in members.items() if name in _CONFIG}
            changed = endpoint.evolve(
                status=members.get("status", endpoint.status),
                config=_config({**dataclasses.asdict(endpoint.config), **config}),
            )
            if "headers" not in members:
                return changed, None
            credentials = self._endpoints.credentials(endpoint)
            return changed, dataclasses.replace(credentials, headers=members["headers"])

        return await self._reply(await self._endpoints.change(caller.tenant, _id(request), apply))

    async def delete(self, request: Request, caller: Caller) -> Response:
        read_query(request.scope, NoQuery)
        await self._endpoints.delete(caller.tenant, _id(request))
        return Response(status_code=204)

    async def secret(self, request: Request, caller: Caller) -> Response:
        """The signing secret, and the one before while it still signs."""
        read_query(request.scope, NoQuery)
        endpoint = await self._get(request, caller)
        return json_reply(_secrets(self._endpoints.credentials(endpoint), self._now_ms()))

    async def tenant_secret(self, request: Request, caller: Caller) -> Response:
        """What signs deliveries to `webhook_url`."""
        read_query(request.scope, NoQuery)
        return json_reply(_secrets(await self._endpoints.tenant_credentials(caller.tenant), self._now_ms()))

    async def rotate(self, request: Request, caller: Caller) -> Response:
        """The new secret, and the old one with the end of its grace period, where it can still be read."""
        read_query(request.scope, NoQuery)
        await self._get(request, caller)
        wanted = checked(RotateRequest, await read_json_body(request, self._max_body_bytes))
        secret, now_ms = wanted.secret or new_secret(), self._now_ms()

        def apply(endpoint: Endpoint) -> tuple[Endpoint, Credentials]:
            try:
                old = self._endpoints.credentials(endpoint)
            except CredentialsUnreadable:
                return endpoint, Credentials((Secret(secret),))
            return endpoint, old.rotated(secret, now_ms, wanted.grace_seconds * 1000)

        endpoint = await self._endpoints.change(caller.tenant, _id(request), apply)
        return json_reply(_secrets(self._endpoints.credentials(endpoint), now_ms))

    async def test(self, request: Request, caller: Caller) -> Response:
        """What a `webhook.test` event met, sent by a notifier like any other delivery."""
        read_query(request.scope, NoQuery)
        endpoint = await self._get(request, caller)
        signing = len(self._endpoints.credentials(endpoint).signing(self._now_ms()))
        event_id, attempt = await self._deliveries.test(caller.tenant, endpoint.id, TEST_TIMEOUT_S)
        return json_reply(verdict(endpoint.config.url, event_id, attempt, signing, self._now_ms()))

    async def stats(self, request: Request, caller: Caller) -> Response:
        read_query(request.scope, NoQuery)
        state = await self._endpoints.state(caller.tenant, (await self._get(request, caller)).id)
        return json_reply(_stats(state, self._now_ms()))

    async def recover(self, request: Request, caller: Caller) -> Response:
        """202 and how many deliveries are sent again."""
        read_query(request.scope, NoQuery)
        await self._get(request, caller)
        wanted = checked(RecoverRequest, await read_json_body(request, self._max_body_bytes))
        since_ms = int(wanted.since.timestamp() * 1000)
        count = await self._deliveries.recover(caller.tenant, _id(request), since_ms)
        return json_reply({"count": count}, 202)

    async def replay(self, request: Request, caller: Caller) -> Response:
        """202, how many deliveries are new, and where to go on if there is more."""
        read_query(request.scope, NoQuery)
        endpoint = await self._get(request, caller)
        wanted = checked(ReplayRequest, await read_json_body(request, self._max_body_bytes))
        after = None if wanted.after is None else Cursor.parse(wanted.after)
        count, next_cursor = await self._replay.to(endpoint, after)
        return json_reply({"count": count, "next_cursor": next_cursor}, 202)

    async def _get(self, request: Request, caller: Caller) -> Endpoint:
        return await self._endpoints.get(caller.tenant, _id(request))

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


def _id(request: Request) -> str:
    endpoint_id: str = request.path_params["endpoint_id"]
    return endpoint_id


def _config(members: dict[str, Any]) -> EndpointConfig:
    lists = {name: tuple(members[name]) for name in ("event_types", "kinds", "tags")}
    return EndpointConfig(**{**members, **lists})


def _secrets(credentials: Credentials, now_ms: int) -> dict[str, Any]:
    newest, *older = credentials.secrets
    previous = [
        {"secret": secret.text, "until": rfc3339(secret.until_ms)}
        for secret in older
        if secret.until_ms is not None and secret.until_ms > now_ms
    ]
    return {"secret": newest.text, "previous": previous[0] if previous else None}


def _stats(state: EndpointState, now_ms: int) -> dict[str, Any]:
    def time(ms: int | None) -> str | None:
        return None if ms is None else rfc3339(ms)

    is_held = state.held_until_ms is not None and state.held_until_ms > now_ms
    breaker = "closed" if state.consecutive_failures < _OPEN_AFTER else "open" if is_held else "half_open"
    return {
        "deliveries": state.deliveries,
        "succeeded_attempts": state.succeeded_attempts,
        "failed_attempts": state.failed_attempts,
        "mean_ms": state.mean_ms,
        "in_flight": state.in_flight,
        "consecutive_failures": state.consecutive_failures,
        "breaker": breaker,
        "last_success_at": time(state.last_success_ms),
        "last_failure_at": time(state.last_failure_ms),
        "failing_since": time(state.failing_since_ms),
        "held_until": time(state.held_until_ms) if is_held else None,
    }
