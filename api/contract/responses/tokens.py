"""The response that carries a token."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from api.http.json_responses import ResponseModel


class TokenDocument(ResponseModel):
    token: str
    expires_at: AwareDatetime
    url: str = Field(description="The URL of the WebSocket that takes the token.")
