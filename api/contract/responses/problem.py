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

    type: str = Field(description="A URL that explains the code.")
    title: str
    status: int
    detail: str = Field(description="What is wrong with this request, for people.")
    code: str = Field(description="Stable; for programs.")
    instance: str = Field(description="The path of the request.")
    errors: list[FieldError] | SkipJsonSchema[None] = Field(
        None, description="Every mistake in the request, with its place."
    )
    job: JobDocument | SkipJsonSchema[None] = Field(None, description="The job that failed.")
