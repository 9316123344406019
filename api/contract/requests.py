"""What requests may say. These models check them and, in `api.contract.openapi`, describe them."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from api.http.headers.prefer import MAX_WAIT_S
from api.http.strict_json import canonical_json
from jobs.core.job import DEFAULT_MAX_ATTEMPTS, JobStatus

MAX_METADATA_BYTES = 8 * 1024
"""Metadata is part of every event of its job."""
MAX_TAGS = 16
MAX_BATCH_JOBS = 100
"""One batch is one step in the store, which does nothing else meanwhile."""
DAY_SECONDS = 86_400
MAX_EXPIRES_SECONDS = 30 * DAY_SECONDS
MAX_SCHEDULE_DAYS = 366
DEFAULT_TOKEN_SECONDS = 3600
MAX_TOKEN_SECONDS = DAY_SECONDS

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


def _parse_time(value: object) -> datetime.datetime:
    """RFC 3339 section 5.6; stricter than ISO 8601: a date, a time with seconds, and an offset."""
    if isinstance(value, str) and _RFC3339.match(value):
        try:
            moment = datetime.datetime.fromisoformat(value.upper().replace(" ", "T"))
            return moment.astimezone(datetime.UTC)
        except (ValueError, OverflowError):
            pass
    raise ValueError("should be a time such as 2026-01-31T12:00:00Z")


def _bounded_metadata(value: dict[str, Any]) -> dict[str, Any]:
    size = len(canonical_json(value)) if value else 0
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"should be at most {MAX_METADATA_BYTES} bytes of JSON, and is {size}")
    return value


def _distinct(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


Metadata = Annotated[dict[str, Any], AfterValidator(_bounded_metadata)]
Time = Annotated[datetime.datetime, BeforeValidator(_parse_time, json_schema_input_type=datetime.datetime)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]


class RequestModel(BaseModel):
    """A JSON body: no unknown members, no conversions between types."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _read_whole_numbers(cls, members: Any) -> Any:
        """JSON knows no integers: where one is wanted, `3.0` is as good as `3`, as in JSON Schema."""
        if not isinstance(members, dict):
            return members
        return {
            name: int(value)
            if type(value) is float and value.is_integer() and cls._wants_whole(name)
            else value
            for name, value in members.items()
        }

    @classmethod
    def _wants_whole(cls, name: str) -> bool:
        field = cls.model_fields.get(name)
        return field is not None and field.annotation in (int, int | None)


class JobRequest(RequestModel):
    """A job to run."""

    kind: Name = Field(description="What to do, such as `pdf.render`.", examples=["pdf.render"])
    input: dict[str, Any] = Field(
        description="What the kind works on.", examples=[{"html": "<h1>Hello</h1>"}]
    )
    options: dict[str, Any] = Field(default_factory=dict, description="How the kind does it.")
    priority: Literal["high", "normal", "low"] = Field(
        default="normal", description="Among the jobs of this tenant: high before normal before low."
    )
    scheduled_at: Time | None = Field(
        default=None,
        description="Not before this time (RFC 3339). In the past: at once.",
        examples=["2026-01-31T12:00:00Z"],
    )
    expires_in_seconds: int | None = Field(
        default=None,
        ge=1,
        le=MAX_EXPIRES_SECONDS,
        description="The job fails if it has not started within this time.",
    )
    max_attempts: int = Field(
        default=DEFAULT_MAX_ATTEMPTS,
        ge=1,
        le=20,
        description="How often to try before a retryable error fails the job.",
    )
    timeout_seconds: int | None = Field(
        default=None,
        ge=1,
        le=3600,
        description="How long one attempt may take. At most, and by default, RENDER_TIMEOUT.",
    )
    metadata: Metadata = Field(
        default_factory=dict,
        description=f"Yours: comes back in the job and its events. At most {MAX_METADATA_BYTES} bytes of JSON.",
    )
    tags: Annotated[list[Tag], AfterValidator(_distinct)] = Field(
        default_factory=list, max_length=MAX_TAGS, description="To find jobs by."
    )
    webhook_url: str | None = Field(
        default=None,
        min_length=1,
        max_length=2048,
        description="Told how this job ended, signed with the secret of `GET /v1/webhook-secret`.",
    )


class BatchRequest(RequestModel):
    """Jobs to run, and to be told of when all have ended."""

    jobs: list[JobRequest] = Field(
        min_length=1, max_length=MAX_BATCH_JOBS, description="All are accepted, or none."
    )
    metadata: Metadata = Field(
        default_factory=dict,
        description=f"Yours: comes back in the batch and its event. At most {MAX_METADATA_BYTES} bytes of JSON.",
    )
    webhook_url: str | None = Field(
        default=None,
        min_length=1,
        max_length=2048,
        description="Told when all jobs have ended, signed with the secret of `GET /v1/webhook-secret`.",
    )


class TokenRequest(RequestModel):
    """What a token shall open: one job, one batch and its jobs, or all jobs of the tenant."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": "string"}}}
                for name in ("job_id", "batch_id", "channel")
            ]
        }
    )

    job_id: str | None = Field(default=None, max_length=64, description="A job to follow and read.")
    batch_id: str | None = Field(default=None, max_length=64, description="A batch to follow and read.")
    channel: Literal["jobs"] | None = Field(default=None, description="All jobs of the tenant.")
    ttl_seconds: int = Field(
        default=DEFAULT_TOKEN_SECONDS, ge=1, le=MAX_TOKEN_SECONDS, description="How long it is good."
    )

    @model_validator(mode="after")
    def _names_one(self) -> TokenRequest:
        if [self.job_id, self.batch_id, self.channel].count(None) != 2:
            raise ValueError("name one of job_id, batch_id and channel")
        return self


class QueryModel(BaseModel):
    """The parameters of a URL: text that is converted, no unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Wait = Annotated[int, Field(ge=0, le=MAX_WAIT_S)]
Limit = Annotated[int, Field(ge=1, le=100)]


class WaitQuery(QueryModel):
    wait: Wait = Field(
        default=0, description="Seconds to wait for the job to finish, or with If-None-Match to change."
    )


class ListQuery(QueryModel):
    status: JobStatus | None = Field(default=None, description="Only jobs that are in this state.")
    kind: Name | None = Field(default=None, description="Only jobs of this kind.")
    tag: Tag | None = Field(default=None, description="Only jobs with this tag.")
    batch_id: Name | None = Field(default=None, description="Only jobs of this batch.")
    limit: Limit = Field(default=50, description="How many at most.")
    cursor: str | None = Field(default=None, max_length=100, description="`next_cursor` of the page before.")


def _split(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


Several = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=64)]],
    BeforeValidator(_split, json_schema_input_type=str),
    Field(max_length=32),
]


class EventsQuery(QueryModel):
    after: str | None = Field(
        default=None,
        max_length=64,
        description="Events after this cursor; without: from the oldest, or for a stream from now. "
        "`Last-Event-ID` counts more.",
    )
    limit: Limit = Field(default=50, description="How many at most to look at. Streams go on for ever.")
    kinds: Several = Field(default=[], description="Only events of jobs of these kinds, with commas between.")
    tags: Several = Field(default=[], description="Only events of jobs that have one of these tags.")
    types: Several = Field(
        default=[], description="Only events of these types, or patterns such as `job.*`; also `progress`."
    )
    job_id: Name | None = Field(default=None, description="Only events of this job.")
    batch_id: Name | None = Field(default=None, description="Only events of this batch and its jobs.")


class PdfQuery(QueryModel):
    options: str | None = Field(default=None, description="Options of `pdf.render`, as a JSON object.")


class NoQuery(QueryModel):
    """A path without parameters."""
