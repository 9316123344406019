"""Request bodies: read within bounds, refused early, matched to a media type."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request

from api.http.strict_json import read_json
from jobs.core.errors.request import BodyTimeout, BodyTooLarge, MalformedBody, UnsupportedMediaType

_SILENCE_SECONDS = 30
"""How long a client may pause in the middle of a body."""

_USUAL_JSON_TYPES = frozenset(
    {"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"}
)


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body, not empty.

    Raises:
        BodyTooLarge: at the announced length, or as soon as more than `max_bytes` have come.
        MalformedBody: there is none.
        BodyTimeout: the client stopped in the middle.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise _too_large(max_bytes)
    message = await request.receive()
    body = message.get("body", b"")
    if message.get("more_body"):
        body = await _read_on(request, body, max_bytes)
    elif message["type"] == "http.disconnect":
        raise ClientDisconnect
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    if not body:
        raise MalformedBody("The body is empty.")
    return bytes(body)


async def read_json_body(request: Request, max_bytes: int) -> Any:
    """The JSON value in the body.

    Raises:
        UnsupportedMediaType: the body is announced as something else.
        MalformedBody: it is not JSON (see `api.http.strict_json`).
    """
    announced = request.headers.get("content-type", "")
    if announced not in _USUAL_JSON_TYPES and media_type(announced)[0] != "application/json":
        raise UnsupportedMediaType("Send JSON, with `Content-Type: application/json`.")
    return read_json(await read_body(request, max_bytes))


def media_type(content_type: str) -> tuple[str, str | None]:
    """Type and `charset` of a `Content-Type`, both in lower case."""
    name, *parameters = content_type.split(";")
    charset = None
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            charset = value.strip().strip("\"'").lower()
    return name.strip().lower(), charset


async def _read_on(request: Request, first: bytes, max_bytes: int) -> bytes:
    chunks = [first]
    size = len(first)
    while size <= max_bytes:
        try:
            async with asyncio.timeout(_SILENCE_SECONDS):
                message = await request.receive()
        except TimeoutError:
            raise BodyTimeout(
                f"The body stopped for {_SILENCE_SECONDS} seconds before it was complete."
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if not message.get("more_body"):
            break
    return b"".join(chunks)


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body has more than {max_bytes} bytes, which is all PRESSRUN_MAX_BODY_BYTES allows."
    )
