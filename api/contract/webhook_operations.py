"""The operations about webhooks, for `api.contract.operations`."""

from __future__ import annotations

from pydantic import BaseModel

from api.contract.operation import Answer, Operation
from api.contract.requests import QueryModel
from api.webhooks import schemas as schemas

_ENDPOINT = "/v1/webhook-endpoints/{endpoint_id}"
_DELIVERY = "/v1/webhook-deliveries/{delivery_id}"
_NO_ENDPOINT = {404: "webhook_endpoint_not_found"}
_NO_DELIVERY = {404: "webhook_delivery_not_found"}
_BODY = {400: "malformed_body", 413: "body_too_large", 415: "unsupported_media_type"}


def _operation(
    method: str,
    path: str,
    id: str,
    summary: str,
    answers: dict[int, Answer],
    problems: dict[int, str],
    *,
    body: type[BaseModel] | None = None,
    query: type[QueryModel] | None = None,
) -> Operation:
    return Operation(
        method=method,
        path=path,
        id=id,
        summary=summary,
        guard="key",
        answers=answers,
        problems={**problems, **(_BODY if body else {})},
        body=body,
        query=query,
    )


WEBHOOK_OPERATIONS: tuple[Operation, ...] = (
    _operation(
        "POST",
        "/v1/webhook-endpoints",
        "createWebhookEndpoint",
        "Register an endpoint; it is owed every later event",
        {201: Answer("The endpoint, with its secret.", schemas.CreatedEndpoint, headers=("Location",))},
        {},
        body=schemas.EndpointRequest,
    ),
    _operation(
        "GET",
        "/v1/webhook-endpoints",
        "listWebhookEndpoints",
        "List endpoints, newest first",
        {200: Answer("A page of endpoints.", schemas.EndpointList)},
        {},
        query=schemas.EndpointListQuery,
    ),
    _operation(
        "GET",
        _ENDPOINT,
        "getWebhookEndpoint",
        "Get an endpoint",
        {200: Answer("The endpoint.", schemas.EndpointDocument)},
        _NO_ENDPOINT,
    ),
    _operation(
        "PATCH",
        _ENDPOINT,
        "changeWebhookEndpoint",
        "Change, pause, disable or enable an endpoint",
        {200: Answer("The endpoint as it is now.", schemas.EndpointDocument)},
        {**_NO_ENDPOINT, 409: "webhook_conflict, credentials_unreadable"},
        body=schemas.EndpointPatch,
    ),
    _operation(
        "DELETE",
        _ENDPOINT,
        "deleteWebhookEndpoint",
        "Delete an endpoint with its deliveries",
        {204: Answer("Gone.")},
        _NO_ENDPOINT,
    ),
    _operation(
        "GET",
        f"{_ENDPOINT}/secret",
        "getWebhookEndpointSecret",
        "Get the signing secret",
        {200: Answer("What signs.", schemas.SecretDocument)},
        {**_NO_ENDPOINT, 409: "credentials_unreadable"},
    ),
    _operation(
        "POST",
        f"{_ENDPOINT}/secret/rotate",
        "rotateWebhookEndpointSecret",
        "Replace the signing secret; the old one signs as well for a while",
        {200: Answer("What signs now.", schemas.SecretDocument)},
        {**_NO_ENDPOINT, 409: "webhook_conflict"},
        body=schemas.RotateRequest,
    ),
    _operation(
        "POST",
        f"{_ENDPOINT}/test",
        "testWebhookEndpoint",
        "Send a `webhook.test` event and explain what it met",
        {200: Answer("The verdict.", schemas.TestDocument)},
        {**_NO_ENDPOINT, 409: "credentials_unreadable"},
    ),
    _operation(
        "GET",
        f"{_ENDPOINT}/stats",
        "getWebhookEndpointStats",
        "See how deliveries to an endpoint fare",
        {200: Answer("Counts, times, and the state of the circuit breaker.", schemas.StatsDocument)},
        _NO_ENDPOINT,
    ),
    _operation(
        "GET",
        f"{_ENDPOINT}/deliveries",
        "listWebhookEndpointDeliveries",
        "List deliveries to an endpoint, newest first",
        {200: Answer("A page of deliveries.", schemas.DeliveryList)},
        _NO_ENDPOINT,
        query=schemas.DeliveryListQuery,
    ),
    _operation(
        "POST",
        f"{_ENDPOINT}/recover",
        "recoverWebhookEndpoint",
        "Send everything again that failed or was discarded since",
        {202: Answer("Queued.", schemas.CountDocument)},
        {**_NO_ENDPOINT, 409: "webhook_conflict"},
        body=schemas.RecoverRequest,
    ),
    _operation(
        "POST",
        f"{_ENDPOINT}/replay",
        "replayToWebhookEndpoint",
        "Deliver past events to an endpoint",
        {202: Answer("Queued: a bounded number at a time.", schemas.ReplayDocument)},
        {**_NO_ENDPOINT, 409: "webhook_conflict", 410: "cursor_expired"},
        body=schemas.ReplayRequest,
    ),
    _operation(
        "GET",
        "/v1/webhook-deliveries",
        "listWebhookUrlDeliveries",
        "List deliveries to the `webhook_url`s of one origin, newest first",
        {200: Answer("A page of deliveries.", schemas.DeliveryList)},
        {},
        query=schemas.OriginDeliveryListQuery,
    ),
    _operation(
        "GET",
        _DELIVERY,
        "getWebhookDelivery",
        "Get a delivery with every attempt",
        {200: Answer("The delivery.", schemas.DeliveryWithEvent)},
        _NO_DELIVERY,
    ),
    _operation(
        "POST",
        f"{_DELIVERY}/redeliver",
        "redeliverWebhook",
        "Send a delivery again, whatever its end was",
        {202: Answer("Queued: the delivery as it is now.", schemas.DeliveryDocument)},
        {**_NO_DELIVERY, 409: "webhook_conflict"},
    ),
    _operation(
        "GET",
        "/v1/webhook-secret",
        "getWebhookSecret",
        "Get the secret that signs deliveries to `webhook_url`",
        {200: Answer("What signs.", schemas.SecretDocument)},
        {409: "credentials_unreadable"},
    ),
)
