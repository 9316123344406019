"""Requests for tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from api.http.body import RequestModel

DEFAULT_TOKEN_SECONDS = 3600
MAX_TOKEN_SECONDS = 86_400


class TokenRequest(RequestModel):
    """What a token gives access to: one job, one batch and its jobs, or all jobs of the tenant."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": "string"}}}
                for name in ("job_id", "batch_id", "channel")
            ]
        }
    )

    job_id: str | None = Field(default=None, max_length=64, description="Give access to this job.")
    batch_id: str | None = Field(
        default=None, max_length=64, description="Give access to this batch and its jobs."
    )
    channel: Literal["jobs"] | None = Field(default=None, description="Give access to all your jobs.")
    ttl_seconds: int = Field(
        default=DEFAULT_TOKEN_SECONDS, ge=1, le=MAX_TOKEN_SECONDS, description="How long the token is valid."
    )

    @model_validator(mode="after")
    def _names_one(self) -> TokenRequest:
        if [self.job_id, self.batch_id, self.channel].count(None) != 2:
            raise ValueError("name one of job_id, batch_id and channel")
        return self
