"""Requests about batches."""

from __future__ import annotations

from pydantic import Field

from api.contract.requests.fields import MAX_METADATA_BYTES, Metadata
from api.contract.requests.jobs import JobRequest
from api.http.body import RequestModel

MAX_BATCH_JOBS = 100
"""The store accepts a batch in one step, and does nothing else meanwhile."""


class BatchRequest(RequestModel):
    """Jobs to run, with one event when all have ended."""

    jobs: list[JobRequest] = Field(
        min_length=1, max_length=MAX_BATCH_JOBS, description="All are accepted, or none."
    )
    metadata: Metadata = Field(
        default_factory=dict,
        description=f"Your own data, which the batch and its event carry. At most {MAX_METADATA_BYTES} bytes of JSON.",
    )
    webhook_url: str | None = Field(
        default=None,
        min_length=1,
        max_length=2048,
        description="Receives the event that all jobs have ended, signed with the secret of `GET /v1/webhook-secret`.",
    )
