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
    stage: str = Field(description="What the attempt does just now.")
    page: int | None = Field(description="The page that it is at.")


class ResultDocument(ResponseModel):
    """What the job produced. Kinds add members of their own, such as `pages` and `warnings`."""

    url: str | None = Field(description="The URL of the bytes; null when they have expired.")
    content_type: str
    bytes: int
    sha256: str = Field(description="In hex.")


class ErrorDocument(ResponseModel):
    """Why the job failed."""

    code: str = Field(
        description="Stable; `/docs#job-errors` explains each. Kinds of your own may add others.",
        examples=sorted(by_code(JobError)),
    )
    message: str = Field(description="For people.")
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
    attempt: int = Field(description="Attempts used so far, with the one that runs.")
    max_attempts: int
    priority: Literal["high", "normal", "low"]
    created_at: AwareDatetime
    scheduled_at: AwareDatetime | None = Field(description="As it was submitted.")
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None = Field(description="null until the job has ended.")
    expires_at: AwareDatetime | None = Field(
        description="When the result is removed, or the record of a job without one."
    )
    progress: ProgressDocument | None
    result: ResultDocument | None
    error: ErrorDocument | None
    metadata: dict[str, Any] = Field(description="Your own data.")
    tags: list[str]
    batch_id: str | None = Field(description="The batch that the job was submitted with.")
    retry_of: str | None = Field(description="The job that this one runs again.")
    links: LinksDocument
    queue: QueueDocument | SkipJsonSchema[None] = Field(
        None, description="Only while the job waits for a worker."
    )


class SubscriptionDocument(ResponseModel):
    """A token and a cursor to follow the job or the batch."""

    token: str = Field(description="Short-lived, and good for this alone.")
    cursor: str = Field(
        description="The end of the event log when this was answered: the later events come after it."
    )


class AcceptedJob(JobDocument):
    """A job that has just been accepted."""

    subscription: SubscriptionDocument


class JobList(ResponseModel):
    items: list[JobDocument]
    next_cursor: str | None = Field(description="The cursor for the next page; null on the last one.")
