"""Requests about jobs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from api.contract.requests.fields import Limit, Metadata, Name, Tag, Time, metadata_field, webhook_url_field
from api.http.body import RequestModel
from api.http.headers.prefer import MAX_WAIT_S
from api.http.query import QueryModel
from jobs.core.file_names import MAX_NAME_CHARACTERS
from jobs.core.job import DEFAULT_MAX_ATTEMPTS, JobStatus

MAX_TAGS = 16
DAY_SECONDS = 86_400
MAX_EXPIRES_SECONDS = 30 * DAY_SECONDS
MAX_SCHEDULE_DAYS = 366


def _distinct(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


class JobRequest(RequestModel):
    """A job to run."""

    kind: Name = Field(description="What to do.", examples=["pdf.render"])
    input: dict[str, Any] = Field(
        description="What the job works on. Its members depend on `kind`: see `/docs#kinds`.",
        examples=[{"html": "<h1>Hello</h1>"}],
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="How it is done. The members depend on `kind`, too."
    )
    priority: Literal["high", "normal", "low"] = Field(
        default="normal", description="Order among your waiting jobs: high, then normal, then low."
    )
    scheduled_at: Time | None = Field(
        default=None,
        description="Not before this time (RFC 3339). A past time means at once.",
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
        description="How long one attempt may take. The maximum, and the default, is PRESSRUN_RENDER_TIMEOUT.",
    )
    metadata: Metadata = metadata_field("the job and its events")
    tags: Annotated[list[Tag], AfterValidator(_distinct)] = Field(
        default_factory=list, max_length=MAX_TAGS, description="Labels, to find jobs and to choose events by."
    )
    webhook_url: str | None = webhook_url_field("ends this job")


Wait = Annotated[int, Field(ge=0, le=MAX_WAIT_S)]


class WaitQuery(QueryModel):
    wait: Wait = Field(
        default=0,
        description="Seconds to wait until the job has ended, or with If-None-Match until it has changed.",
    )


class JobListQuery(QueryModel):
    status: JobStatus | None = Field(default=None, description="Only jobs that are in this state.")
    kind: Name | None = Field(default=None, description="Only jobs of this kind.")
    tag: Tag | None = Field(default=None, description="Only jobs with this tag.")
    batch_id: Name | None = Field(default=None, description="Only jobs of this batch.")
    limit: Limit = Field(default=50, description="How many at most.")
    cursor: str | None = Field(default=None, max_length=100, description="`next_cursor` of the page before.")


class PdfQuery(QueryModel):
    options: str | None = Field(default=None, description="Options of `pdf.render`, as a JSON object.")
    index: str | None = Field(
        default=None, max_length=MAX_NAME_CHARACTERS, description="Name of the document among the files."
    )
