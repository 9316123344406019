"""Requests for events."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from api.contract.requests.fields import Limit, Name
from api.http.query import QueryModel


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
        description="Events after this cursor. Default: from the oldest on, or for a stream from now on. "
        "`Last-Event-ID` takes precedence.",
    )
    limit: Limit = Field(
        default=50,
        description="How many events to look at, at most; a filter may leave fewer. Streams have no limit.",
    )
    kinds: Several = Field(default=[], description="Only events of jobs of these kinds, separated by commas.")
    tags: Several = Field(default=[], description="Only events of jobs that have one of these tags.")
    types: Several = Field(
        default=[], description="Only events of these types, or patterns such as `job.*`; also `progress`."
    )
    job_id: Name | None = Field(default=None, description="Only events of this job.")
    batch_id: Name | None = Field(default=None, description="Only events of this batch and its jobs.")
