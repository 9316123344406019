"""Responses that show jobs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field
from pydantic.json_schema import SkipJsonSchema

from api.http.json_responses import ResponseModel
from jobs.core.errors import by_code
from jobs.core.errors.job import JobError
from jobs.core.job import JobStatus


class ProgressDocument(ResponseModel):
    """How far an attempt is. A change of it is not always a new version of the job."""

    percent: int
    stage: str
    page: int | None


class ResultDocument(ResponseModel):
    """What the job produced. Kinds add members of their own, such as `pages` and `warnings`."""

    url: str | None = Field(description="The URL of the bytes; null when they have expired.")
    content_type: str
    bytes: int
    sha256: str


class ErrorDocument(ResponseModel):
    """Why the job failed."""

    code: str = Field(
        description="Stable; `/docs#job-errors` explains each. Kinds of your own may add others.",
        examples=sorted(by_code(JobError)),
    )
    message: str
    retryable: bool = Field(description="Whether the job is tried again while it has attempts left.")


class LinksDocument(ResponseModel):
    self: str
    result: str
    events: str
    cancel: str
    websocket: str


class QueueDocument(ResponseModel):
    position: int = Field(ge=1, description="Place among the waiting jobs of the tenant.")


class JobDocument(ResponseModel):
    """A job."""

    id: str
    kind: str
    status: JobStatus
    version: int = Field(description="Grows by one with every change of status.")
    attempt: int
    max_attempts: int
    priority: Literal["high", "normal", "low"]
    created_at: AwareDatetime
    scheduled_at: AwareDatetime | None
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    expires_at: AwareDatetime | None
    progress: ProgressDocument | None
    result: ResultDocument | None
    error: ErrorDocument | None
    metadata: dict[str, Any]
    tags: list[str]
    batch_id: str | None
    retry_of: str | None
    links: LinksDocument
    queue: QueueDocument | SkipJsonSchema[None] = Field(
        None, description="Only while the job waits for a worker."
    )


class SubscriptionDocument(ResponseModel):
    """A token and a cursor to follow the job from its first event on."""

    token: str
    cursor: str


class AcceptedJob(JobDocument):
    """A job that has just been accepted."""

    subscription: SubscriptionDocument


class JobList(ResponseModel):
    items: list[JobDocument]
    next_cursor: str | None = Field(description="The cursor for the next page; null on the last one.")
