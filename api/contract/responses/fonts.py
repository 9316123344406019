"""Responses that show fonts."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from api.http.json_responses import ResponseModel
from jobs.fonts.font import Embedding, FontFormat


class FontDocument(ResponseModel):
    """An uploaded font."""

    name: str
    families: list[str] = Field(description="The names by which `font-family` can name it.")
    weight: str = Field(
        description="As in CSS: `700`, or the limits of a variable font.", examples=["400", "100 900"]
    )
    style: str = Field(description="`normal`, `italic` or `oblique`.", examples=["normal"])
    format: FontFormat = Field(description="Of the file that was sent.")
    embedding: Embedding = Field(description="How its licence permits PDFs to have it (`fsType`).")
    may_be_subset: bool = Field(
        description="Whether its licence permits PDFs to have only the characters that they use. "
        "If not, they have all of the font."
    )
    bytes: int = Field(ge=1, description="What is kept: the font, unpacked.")
    digest: str = Field(description="Hex SHA-256 of the file that was sent.")
    created_at: AwareDatetime


class FontList(ResponseModel):
    items: list[FontDocument]
    next_cursor: str | None = Field(description="The cursor for the next page; null on the last one.")
