"""Responses that show batches."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from api.contract.responses.jobs import SubscriptionDocument
from api.http.json_responses import ResponseModel


class BatchLinksDocument(ResponseModel):
    self: str
    jobs: str
    cancel: str
    websocket: str


class BatchDocument(ResponseModel):
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
