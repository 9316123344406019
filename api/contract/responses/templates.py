"""Responses that show templates."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, Field

from api.http.json_responses import ResponseModel


class TemplateVersionDocument(ResponseModel):
    """A version of a template. It never changes."""

    name: str
    version: int = Field(ge=1, description="Counts the versions of this name. A number is never used twice.")
    created_at: AwareDatetime
    digest: str = Field(description="Hex SHA-256 of the content.")
    description: str


class TemplateDocument(TemplateVersionDocument):
    """A version of a template with its content."""

    html: str
    stylesheets: list[str]
    schema_: dict[str, Any] | None = Field(alias="schema")
    sample_data: dict[str, Any] | None


class TemplateList(ResponseModel):
    items: list[TemplateVersionDocument]
    next_cursor: str | None = Field(description="The cursor for the next page; null on the last one.")
