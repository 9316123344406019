"""Requests about batches."""

from __future__ import annotations

from pydantic import Field

from api.contract.requests.fields import MAX_METADATA_BYTES, Metadata
from api.contract.requests.jobs import JobRequest
from api.http.body import RequestModel

MAX_BATCH_JOBS = 100
"""One batch is one step in the store, which does nothing else meanwhile."""


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
