"""Models of the JSON that answers carry.

They describe the answers in `/openapi.json`. The documents themselves are made by the store.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from jobs.core.errors import by_code
from jobs.core.errors.job import JobError
from jobs.core.job import JobStatus


class AnswerModel(BaseModel):
    """Later releases may add members."""

    model_config = ConfigDict(extra="allow")


class ProgressDocument(AnswerModel):
    """How far a run is. Not every change of it is a new version of the job."""

    percent: int
    stage: str
    page: int | None


class ResultDocument(AnswerModel):
    """What the job produced. Kinds add members of their own, such as `pages` and `warnings`."""

    url: str | None = Field(description="Where the bytes are; null when they have expired.")
    content_type: str
    bytes: int
    sha256: str


class ErrorDocument(AnswerModel):
    """Why the job failed."""

    code: str = Field(
        description="Stable; `/docs#job-errors` says what each means. Kinds of your own may bring others.",
        examples=sorted(by_code(JobError)),
    )
    message: str
    retryable: bool = Field(description="Whether it is tried again while there are attempts left.")


class LinksDocument(AnswerModel):
    self: str
    result: str
    events: str
    cancel: str
    websocket: str


class QueueDocument(AnswerModel):
    position: int = Field(ge=1, description="Place among the waiting jobs of the tenant.")


class JobDocument(AnswerModel):
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


class SubscriptionDocument(AnswerModel):
    """What it takes to follow the job from its first event on."""

    token: str
    cursor: str


class AcceptedJob(JobDocument):
    """A job that has just been accepted."""

    subscription: SubscriptionDocument


class JobList(AnswerModel):
    items: list[JobDocument]
    next_cursor: str | None = Field(description="Ask for the next page with it; null on the last one.")


class BatchLinksDocument(AnswerModel):
    self: str
    jobs: str
    cancel: str
    websocket: str


class BatchDocument(AnswerModel):
    """A batch: how many of its jobs have ended, and how."""

    id: str
    status: Literal["running", "completed"]
    total: int
    succeeded: int
    failed: int
    cancelled: int
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
    metadata: dict[str, Any]
    job_ids: list[str] = Field(description="In the order of the submission.")
    links: BatchLinksDocument


class AcceptedBatch(BatchDocument):
    """A batch that has just been accepted."""

    subscription: SubscriptionDocument


class EventDocument(AnswerModel):
    """One change, the same on every channel."""

    id: str
    type: str = Field(examples=["job.succeeded"])
    timestamp: AwareDatetime
    sequence: int = Field(description="Grows by one with every event of the tenant.")
    data: dict[str, Any]


class JobEvents(AnswerModel):
    items: list[EventDocument]


class EventPage(AnswerModel):
    items: list[EventDocument]
    next_cursor: str = Field(description="Ask for later events with it.")


class TokenDocument(AnswerModel):
    token: str
    expires_at: AwareDatetime
    url: str = Field(description="The WebSocket to use it with.")


class HealthDocument(AnswerModel):
    status: Literal["ok"]


class ReadinessDocument(AnswerModel):
    """With an API key there is more to it."""

    status: Literal["ready", "unavailable"]


class FieldError(AnswerModel):
    pointer: str = Field(
        description="JSON pointer (RFC 6901) into the body, or the name of a parameter after a slash."
    )
    message: str


class Problem(AnswerModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable; for programs.")
    instance: str
    errors: list[FieldError] | SkipJsonSchema[None] = None
    job: JobDocument | SkipJsonSchema[None] = None
