"""Responses that show webhook endpoints and deliveries."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from api.contract.responses.events import EventDocument
from api.http.json_responses import ResponseModel
from jobs.webhooks.delivery import DeliveryStatus
from jobs.webhooks.endpoint import EndpointStatus


class EndpointDocument(ResponseModel):
    """A webhook endpoint."""

    id: str = Field(examples=["we_01J…"])
    url: str
    status: EndpointStatus
    description: str
    metadata: dict[str, Any]
    event_types: list[str]
    kinds: list[str]
    tags: list[str]
    headers: dict[str, str] | None = Field(
        description="null if no key in `PRESSRUN_SECRET_KEY` can decrypt them."
    )
    max_in_flight: int
    max_per_second: float | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    disabled_at: AwareDatetime | None
    disabled_reason: Literal["requested", "failing", "gone"] | None = Field(
        description="You asked for it, five days without a success, or the receiver answered 410."
    )
    recoverable: int = Field(description="How many deliveries `recover` could send again.")


class CreatedEndpoint(EndpointDocument):
    """A new endpoint, with its secret."""

    secret: str


class EndpointList(ResponseModel):
    items: list[EndpointDocument]
    next_cursor: str | None


class GraceSecret(ResponseModel):
    secret: str
    until: AwareDatetime


class SecretDocument(ResponseModel):
    """Signing secrets."""

    secret: str
    previous: GraceSecret | None = Field(description="The secret before, while it signs as well.")


class DeliveryDocument(ResponseModel):
    """The delivery of one event to one receiver."""

    id: str = Field(examples=["whd_…"])
    endpoint_id: str | None = Field(description="null for a job's `webhook_url`.")
    url: str | None = Field(description="The job's `webhook_url`; null for an endpoint.")
    event_id: str = Field(description="The `webhook-id` of every attempt.")
    event_type: str
    status: DeliveryStatus
    created_at: AwareDatetime
    next_attempt_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    attempts: list[dict[str, Any]] = Field(
        description="One for each request: time, if it was `sent`, status, error code, `message`, duration by "
        "phase, first bytes of the answer."
    )


class DeliveryWithEvent(DeliveryDocument):
    event: EventDocument | dict[str, Any] | None = Field(description="What is sent.")


class DeliveryList(ResponseModel):
    items: list[DeliveryDocument]
    next_cursor: str | None


class CountDocument(ResponseModel):
    count: int = Field(description="How many deliveries were queued.")


class ReplayDocument(CountDocument):
    next_cursor: str | None = Field(description="The cursor for later events; null when there are none.")


class StatsDocument(ResponseModel):
    """Counts and times of the deliveries to an endpoint."""

    deliveries: dict[str, int] = Field(
        description="How many deliveries, of those still kept, have each status."
    )
    succeeded_attempts: int = Field(description="Since the endpoint was made; tests do not count.")
    failed_attempts: int = Field(description="Since the endpoint was made; tests do not count.")
    mean_ms: float | None = Field(description="The mean duration of the attempts that succeeded.")
    in_flight: int = Field(description="How many requests are under way.")
    consecutive_failures: int
    breaker: Literal["closed", "open", "half_open"] = Field(
        description="The circuit breaker: while it is open, nothing is sent; half open, only a probe."
    )
    last_success_at: AwareDatetime | None
    last_failure_at: AwareDatetime | None
    failing_since: AwareDatetime | None
    held_until: AwareDatetime | None = Field(description="Nothing is sent until then.")


class TestDocument(ResponseModel):
    """What happened to a `webhook.test` event."""

    verdict: Literal["ok", "failed", "not_sent"]
    explanation: str
    event_id: str
    url: str
    dns: dict[str, Any]
    policy: dict[str, Any]
    tls: dict[str, Any] | None
    status: int | None
    error: str | None
    duration_ms: float | None
    phases_ms: dict[str, float | None] | None
    answer: str | None
    signature: dict[str, Any]
