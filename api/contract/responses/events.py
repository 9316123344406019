"""Responses that show events."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, Field

from api.http.json_responses import ResponseModel


class EventDocument(ResponseModel):
    """One change, the same on every channel."""

    id: str
    type: str = Field(description="What happened.", examples=["job.succeeded"])
    timestamp: AwareDatetime
    sequence: int = Field(description="Grows by one with every event of the tenant.")
    data: dict[str, Any] = Field(description="What the event is about, as it was then, such as `job`.")


class JobEvents(ResponseModel):
    items: list[EventDocument]


class EventPage(ResponseModel):
    items: list[EventDocument]
    next_cursor: str = Field(description="The cursor for later events: give it as `after`.")
    has_more: bool = Field(
        description="Whether the log has later events now. With a filter, a page may be empty although a "
        "later one is not, so read on while this is true."
    )
