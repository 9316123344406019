"""Requests about webhook endpoints and deliveries."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator
from pydantic.json_schema import SkipJsonSchema

from api.contract.requests.fields import Limit, Metadata, Name, Tag, Time
from api.http.body import RequestModel
from api.http.query import QueryModel
from jobs.core.http.custom_headers import checked_headers
from jobs.store.keys import WEBHOOK_MAX_IN_FLIGHT
from jobs.webhooks.credentials import secret_bytes
from jobs.webhooks.delivery import DeliveryStatus, origin_of
from jobs.webhooks.endpoint import (
    DEFAULT_EVENT_TYPES,
    DELIVERABLE_EVENT_TYPES,
    EndpointStatus,
    type_pattern,
)

MAX_URL_CHARACTERS = 2048
MAX_HEADERS = 10
MAX_GRACE_SECONDS = 7 * 86_400
DEFAULT_GRACE_SECONDS = 86_400
_MAX_HEADER_CHARACTERS = 1024
_OUR_HEADERS = "webhook-.*"


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    return checked_headers(
        headers, _OUR_HEADERS, max_headers=MAX_HEADERS, max_value_characters=_MAX_HEADER_CHARACTERS
    )


def _check_secret(secret: str) -> str:
    secret_bytes(secret)
    return secret


def _check_origin(url: str) -> str:
    origin_of(url)
    return url


def _check_event_types(glob: str) -> str:
    if not any(map(type_pattern([glob]).fullmatch, DELIVERABLE_EVENT_TYPES)):
        raise ValueError(f"should be, or with `*` fit, one of: {', '.join(DELIVERABLE_EVENT_TYPES)}")
    return glob


Url = Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL_CHARACTERS)]
Glob = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z_.*]+$")]
EventTypes = Annotated[
    list[Annotated[Glob, AfterValidator(_check_event_types)]], Field(min_length=1, max_length=20)
]
Kinds = Annotated[list[Name], Field(max_length=20)]
Tags = Annotated[list[Tag], Field(max_length=20)]
Description = Annotated[str, StringConstraints(max_length=500)]
Headers = Annotated[dict[str, str], AfterValidator(_check_headers)]
SecretText = Annotated[str, StringConstraints(max_length=128), AfterValidator(_check_secret)]
InFlight = Annotated[int, Field(ge=1, le=100)]
Rate = Annotated[float, Field(ge=0.1, le=1000, allow_inf_nan=False)]


class EndpointRequest(RequestModel):
    """An endpoint that receives events."""

    url: Url = Field(description="Where to send them: https, unless PRESSRUN_EGRESS_ALLOW lists the host.")
    event_types: EventTypes = Field(
        default_factory=lambda: list(DEFAULT_EVENT_TYPES),
        description="Types of events to send; `*` matches any characters. Default: those that end a job or batch. "
        f"The types are {', '.join(f'`{each}`' for each in DELIVERABLE_EVENT_TYPES)}.",
        examples=[["job.*"]],
    )
    kinds: Kinds = Field(default_factory=list, description="Only events of jobs of these kinds.")
    tags: Tags = Field(default_factory=list, description="Only events of jobs with one of these tags.")
    description: Description = Field(default="", description="For people.")
    metadata: Metadata = Field(default_factory=dict, description="Your own data.")
    headers: Headers = Field(
        default_factory=dict, description="Sent with every request. They cannot replace Pressrun's own."
    )
    secret: SecretText | None = Field(
        default=None, description="`whsec_` and 24 to 64 bytes in base64. Default: a new one is made."
    )
    max_in_flight: InFlight = Field(
        default=WEBHOOK_MAX_IN_FLIGHT, description="How many requests may be in flight at once."
    )
    max_per_second: Rate | None = Field(
        default=None, description="How many requests may be sent a second. Default: no limit."
    )


class EndpointPatch(RequestModel):
    """Changes to an endpoint, as the members of a new one. Those left out stay as they are."""

    status: Annotated[EndpointStatus, Field(strict=False)] | SkipJsonSchema[None] = Field(
        default=None, description="`paused` holds deliveries, `disabled` discards them, `enabled` sends them."
    )
    url: Url | SkipJsonSchema[None] = None
    event_types: EventTypes | SkipJsonSchema[None] = None
    kinds: Kinds | SkipJsonSchema[None] = None
    tags: Tags | SkipJsonSchema[None] = None
    description: Description | SkipJsonSchema[None] = None
    metadata: Metadata | SkipJsonSchema[None] = None
    headers: Headers | SkipJsonSchema[None] = None
    max_in_flight: InFlight | SkipJsonSchema[None] = None
    max_per_second: Rate | None = Field(default=None, description="`null` removes the limit.")

    @field_validator("*", mode="before")
    @classmethod
    def _is_something(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None and info.field_name != "max_per_second":
            raise ValueError("should be left out, or have a value")
        return value


class RotateRequest(RequestModel):
    """A new signing secret."""

    secret: SecretText | None = Field(default=None, description="The new secret. Default: one is made.")
    grace_seconds: int = Field(
        default=DEFAULT_GRACE_SECONDS,
        ge=0,
        le=MAX_GRACE_SECONDS,
        description="How long the old secret signs as well as the new one.",
    )


class RecoverRequest(RequestModel):
    """Deliveries to send again."""

    since: Time = Field(
        description="Deliveries created since then, whose attempts all failed or which were discarded."
    )


class ReplayRequest(RequestModel):
    """Past events to deliver to an endpoint."""

    after: str | None = Field(
        default=None,
        max_length=64,
        description="Events after this cursor. Default: from the oldest in the log on.",
    )


class EndpointListQuery(QueryModel):
    limit: Limit = Field(default=50, description="How many at most.")
    cursor: str | None = Field(default=None, max_length=100, description="`next_cursor` of the page before.")


class DeliveryListQuery(EndpointListQuery):
    status: DeliveryStatus | None = Field(default=None, description="Only deliveries in this state.")
    event_type: Glob | None = Field(default=None, description="Only deliveries of this type of event.")
    since: Time | None = Field(default=None, description="Only deliveries created since then.")
    until: Time | None = Field(default=None, description="Only deliveries created until then.")


class OriginDeliveryListQuery(DeliveryListQuery):
    url: Annotated[Url, AfterValidator(_check_origin)] = Field(
        description="A `webhook_url`: deliveries to its scheme, host and port."
    )
