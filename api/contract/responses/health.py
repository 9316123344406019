"""Responses about the process itself."""

from __future__ import annotations

from typing import Literal

from api.http.json_responses import ResponseModel


class HealthDocument(ResponseModel):
    status: Literal["ok"]


class ReadinessDocument(ResponseModel):
    """Has more members if the request has an API key."""

    status: Literal["ready", "unavailable"]
