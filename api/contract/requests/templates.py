"""Requests about templates."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from api.contract.requests.fields import Limit
from api.http.body import RequestModel
from api.http.query import QueryModel
from jobs.templates.template import MAX_CONTENT_BYTES, MAX_STYLESHEETS, MAX_VERSION, TemplateContent

MAX_DESCRIPTION_CHARACTERS = 1000
Css = Annotated[str, StringConstraints(min_length=1)]


class TemplateRequest(RequestModel):
    """The content of a version of a template. At most 2 MiB in all, as JSON."""

    html: str = Field(
        min_length=1,
        description="HTML with Jinja2. Its variables are the members of the data.",
        examples=["<h1>Invoice {{ number }}</h1>"],
    )
    stylesheets: list[Css] = Field(
        default_factory=list,
        max_length=MAX_STYLESHEETS,
        description="CSS texts. Styles in `html` win over them.",
    )
    schema_: dict[str, Any] | None = Field(
        default=None,
        alias="schema",
        description="JSON Schema (draft 2020-12) for the data. It may refer only to itself.",
    )
    sample_data: dict[str, Any] | None = Field(default=None, description="Data for previews.")
    description: str = Field(default="", max_length=MAX_DESCRIPTION_CHARACTERS, description="For people.")

    @model_validator(mode="after")
    def _fits(self) -> TemplateRequest:
        size = len(self.content.to_json())
        if size > MAX_CONTENT_BYTES:
            raise ValueError(f"should be at most {MAX_CONTENT_BYTES} bytes of JSON in all, and is {size}")
        return self

    @property
    def content(self) -> TemplateContent:
        members = self.model_dump(by_alias=True)
        return TemplateContent(**{**members, "stylesheets": tuple(self.stylesheets)})


class PreviewRequest(RequestModel):
    """How to preview a template."""

    data: dict[str, Any] | None = Field(
        default=None, description="Data to fill the template with. Default: its sample data."
    )
    version: int | None = Field(
        default=None, ge=1, le=MAX_VERSION, description="Default: the newest version."
    )
    options: dict[str, Any] = Field(default_factory=dict, description="Options of `pdf.render`.")


class TemplateListQuery(QueryModel):
    limit: Limit = Field(default=50, description="How many at most.")
    cursor: str | None = Field(default=None, max_length=64, description="`next_cursor` of the page before.")
