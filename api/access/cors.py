"""CORS (Fetch standard, section 3.2) for the origins in `PRESSRUN_ALLOWED_ORIGINS`.

Pages authenticate with a key or token, not with cookies, so answers never allow credentials.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EXPOSED = (
    b"Content-Disposition, Content-Location, Content-Range, ETag, Idempotent-Replayed, Location, "
    b"Preference-Applied, Pressrun-Warnings, Retry-After"
)
_ALLOWED = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Idempotency-Key, If-None-Match, If-Range, Last-Event-ID, Prefer, Range",
    ),
    (b"access-control-max-age", b"7200"),
]
_VARY = (b"vary", b"Origin")


class CorsMiddleware:
    """Answers preflights of allowed origins, and lets their pages read the app's answers.

    Answers to other origins have no CORS headers, so browsers do not let their pages read them.
    """

    def __init__(self, app: ASGIApp, allowed_origins: Collection[str]) -> None:
        self._app = app
        self._allowed_origins = frozenset(origin.encode() for origin in allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        allowed = origin if origin in self._allowed_origins else None
        is_preflight = scope["method"] == "OPTIONS" and b"access-control-request-method" in headers
        if allowed is not None and is_preflight:
            answer = Response(status_code=204)
            answer.raw_headers = [(b"access-control-allow-origin", allowed), _VARY, *_ALLOWED]
            return await answer(scope, receive, send)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _with_permission(message["headers"], allowed)}
            await send(message)

        await self._app(scope, receive, sending)


def _with_permission(headers: list[tuple[bytes, bytes]], origin: bytes | None) -> list[tuple[bytes, bytes]]:
    if any(name == b"access-control-allow-origin" for name, _ in headers):
        return headers  # the endpoint allows every origin
    if origin is None:
        return [*headers, _VARY]
    permission = [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED)]
    return [*headers, _VARY, *permission]
