"""The OpenAPI document, without a running server."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from api.app import build
from api.contract.openapi import openapi_document
from api.http.endpoint import operations_of
from jobs.core.settings import Settings


def openapi() -> dict[str, Any]:
    """Returns the document of a server with default settings."""
    with TemporaryDirectory() as data_dir:
        app = build(Settings(secret_key=("s" * 32,), data_dir=Path(data_dir)))
    return openapi_document(operations_of(app.routes), Settings(), "test", app.services.kinds)
