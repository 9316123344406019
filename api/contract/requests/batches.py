"""Requests about batches."""

from __future__ import annotations

from pydantic import Field

from api.contract.requests.fields import Metadata, metadata_field, webhook_url_field
from api.contract.requests.jobs import JobRequest
from api.http.body import RequestModel

MAX_BATCH_JOBS = 100
"""The store accepts a batch in one step, and does nothing else meanwhile."""


class BatchRequest(RequestModel):
    """Jobs to run, with one event when all have ended."""

    jobs: list[JobRequest] = Field(
        min_length=1, max_length=MAX_BATCH_JOBS, description="All are accepted, or none."
    )
    metadata: Metadata = metadata_field("the batch and its event")
    webhook_url: str | None = webhook_url_field("all jobs have ended")
