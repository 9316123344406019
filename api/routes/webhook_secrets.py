"""The secrets that sign webhooks: those of endpoints, and the tenant's for `webhook_url`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.access.auth import Caller
from api.contract.requests.webhooks import RotateRequest
from api.contract.responses.webhooks import SecretDocument
from api.http.json_responses import json_reply
from api.http.operation import Answer, operation
from api.services import Services
from jobs.core.times import rfc3339
from jobs.webhooks.credentials import Credentials, CredentialsUnreadable, Secret, new_secret
from jobs.webhooks.endpoint import Endpoint

_PATH = "/v1/webhook-endpoints/{endpoint_id}/secret"
_ENDPOINT_NOT_FOUND = {404: "webhook_endpoint_not_found"}


class WebhookSecretRoutes:
    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._endpoints = services.webhooks.endpoints

    async def _endpoint(self, request: Request, caller: Caller) -> Endpoint:
        return await self._endpoints.get(caller.tenant, request.path_params["endpoint_id"])

    @operation(
        f"GET {_PATH}",
        {
            200: Answer("The signing secrets.", SecretDocument),
            **_ENDPOINT_NOT_FOUND,
            409: "credentials_unreadable",
        },
        find=_endpoint,
    )
    async def get_webhook_endpoint_secret(self, found: Endpoint) -> Response:
        """Get the signing secret."""
        return json_reply(_secrets(self._endpoints.credentials(found), self._now_ms()))

    @operation(
        f"POST {_PATH}/rotate",
        {
            200: Answer("The signing secrets as they are now.", SecretDocument),
            **_ENDPOINT_NOT_FOUND,
            409: "webhook_conflict",
        },
        find=_endpoint,
    )
    async def rotate_webhook_endpoint_secret(
        self, caller: Caller, found: Endpoint, body: RotateRequest
    ) -> Response:
        """Replace the signing secret. The old one signs as well for a while."""
        # An old secret that cannot be read any more is dropped at once.
        secret, now_ms = body.secret or new_secret(), self._now_ms()

        def apply(endpoint: Endpoint) -> tuple[Endpoint, Credentials]:
            try:
                old = self._endpoints.credentials(endpoint)
            except CredentialsUnreadable:
                return endpoint, Credentials((Secret(secret),))
            return endpoint, old.rotated(secret, now_ms, body.grace_seconds * 1000)

        endpoint = await self._endpoints.change(caller.tenant, found.id, apply)
        return json_reply(_secrets(self._endpoints.credentials(endpoint), now_ms))

    @operation(
        "GET /v1/webhook-secret",
        {200: Answer("The signing secrets.", SecretDocument), 409: "credentials_unreadable"},
    )
    async def get_webhook_secret(self, caller: Caller) -> Response:
        """Get the secret that signs deliveries to `webhook_url`."""
        return json_reply(_secrets(await self._endpoints.tenant_credentials(caller.tenant), self._now_ms()))

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _secrets(credentials: Credentials, now_ms: int) -> dict[str, Any]:
    newest, *older = credentials.secrets
    previous = [
        {"secret": secret.text, "until": rfc3339(secret.until_ms)}
        for secret in older
        if secret.until_ms is not None and secret.until_ms > now_ms
    ]
    return {"secret": newest.text, "previous": previous[0] if previous else None}
