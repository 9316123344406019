"""Requests about fonts."""

from __future__ import annotations

from pydantic import Field

from api.contract.requests.fields import Limit
from api.http.query import QueryModel


class FontListQuery(QueryModel):
    limit: Limit = Field(default=50, description="How many at most.")
    cursor: str | None = Field(default=None, max_length=64, description="`next_cursor` of the page before.")
