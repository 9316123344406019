"""The base of all models of responses."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ResponseModel(BaseModel):
    """Later releases may add members."""

    model_config = ConfigDict(extra="allow")
