"""The response to a request that failed."""

from __future__ import annotations

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from api.contract.responses.jobs import JobDocument
from api.http.json_responses import ResponseModel


class FieldError(ResponseModel):
    pointer: str = Field(
        description="JSON pointer (RFC 6901) into the body, or the name of a parameter after a slash."
    )
    message: str


class Problem(ResponseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable; for programs.")
    instance: str
    errors: list[FieldError] | SkipJsonSchema[None] = None
    job: JobDocument | SkipJsonSchema[None] = None
