"""Responses about the process itself."""

from __future__ import annotations

from typing import Literal

from api.contract.responses.model import ResponseModel


class HealthDocument(ResponseModel):
    status: Literal["ok"]


class ReadinessDocument(ResponseModel):
    """With an API key there is more to it."""

    status: Literal["ready", "unavailable"]
