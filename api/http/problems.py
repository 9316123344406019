"""Turns errors into HTTP responses: problem details (RFC 9457) with a stable `code`.

This is the only place where that happens.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.json_responses import NO_STORE, JsonReply
from jobs.core.errors import PressrunError
from jobs.core.errors.request import (
    InvalidInput,
    JobFailed,
    RangeNotSatisfiable,
    RequestError,
    ShuttingDown,
    Unauthenticated,
)
from jobs.core.errors.store import StoreError
from jobs.core.validation_errors import field_errors

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=BaseModel)

ROUTING_PROBLEMS = {
    404: ("not_found", "There is nothing at this path. /docs lists what there is."),
    405: (
        "method_not_allowed",
        "This path does not take this method. The Allow header lists those it takes.",
    ),
}
"""Status → code and detail of the errors that Starlette's router raises."""
INTERNAL_DETAIL = "This is our fault, not yours; it has been logged. Trying again may help."


class ProblemMiddleware:
    """Answers with a problem if the app raises or is cancelled. After the response has begun, it
    raises on instead, which closes the connection."""

    def __init__(self, app: ASGIApp, base_url: str) -> None:
        self._app = app
        self._base_url = base_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            log.debug("http.disconnected", method=scope["method"], path=scope["path"])
        except Exception as error:  # nothing may pass this boundary
            if started:
                raise
            await problem_reply(error, scope, self._base_url)(scope, receive, send)
        except asyncio.CancelledError:  # uvicorn's time for a shutdown is over
            if started:
                raise
            await problem_reply(ShuttingDown(), scope, self._base_url)(scope, receive, send)


def problem_reply(error: Exception, scope: Scope, base_url: str) -> Response:
    """Returns the response for `error`. Unexpected errors are logged; their 500 has no details."""
    match error:
        case RequestError():
            status, code, detail, extra = error.status, error.code, error.detail, error.extra
        case ValidationError():
            return problem_reply(InvalidInput.at(field_errors(error, None)), scope, base_url)
        case StoreError():
            status, code, detail, extra = error.status, error.code, str(error), {}
            log.warning("http.store_error", code=code, reason=detail, path=scope["path"])
        case HTTPException():
            status = error.status_code
            code, detail = ROUTING_PROBLEMS.get(status, (f"http_{status}", error.detail))
            extra = {}
        case _:
            status, code, extra = 500, PressrunError.code, {}
            detail = INTERNAL_DETAIL
            log.error("http.failed", method=scope["method"], path=scope["path"], exc_info=error)
    document = {
        "type": f"{base_url}/docs#{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "instance": scope["path"],
        **extra,
    }
    body = to_json(document, inf_nan_mode="null", serialize_unknown=True)
    return JsonReply(body, status, (NO_STORE, *_headers(error)), b"application/problem+json")


def checked(model: type[M], value: Any) -> M:
    """Returns `value` as an instance of `model`. Raises InvalidInput if it does not fit."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidInput.at(field_errors(error, model)) from None


def _headers(error: Exception) -> list[tuple[bytes, bytes]]:
    headers: list[tuple[bytes, bytes]] = []
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    if isinstance(error, Unauthenticated):
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, RangeNotSatisfiable):
        headers.append((b"content-range", b"bytes */%d" % error.size))
    if isinstance(error, JobFailed):
        headers.append((b"preference-applied", b"wait=%d" % error.wait_seconds))
        if error.replayed:
            headers.append((b"idempotent-replayed", b"true"))
    if isinstance(error, HTTPException) and error.headers:
        headers += [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    return headers
