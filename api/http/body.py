"""Request bodies: the formats that an operation accepts, and how they are read within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from starlette.requests import ClientDisconnect, Request

from api.http.problems import checked
from api.http.strict_json import read_json
from jobs.core.errors.request import BodyTimeout, BodyTooLarge, MalformedBody, UnsupportedMediaType

SILENCE_SECONDS = 30.0
"""How long a client may pause in the middle of a body."""


@dataclass(frozen=True, slots=True)
class BodyFormat:
    """What an operation accepts as its body."""

    content: Mapping[str, type[BaseModel] | Mapping[str, Any]]
    """The accepted media types, each with its model or JSON Schema, for the contract."""
    read: Callable[[Request, int], Awaitable[Any]]
    """Returns the checked body of a request, of at most so many bytes, as the handler gets it."""


class RequestModel(BaseModel):
    """A JSON body: no unknown members, no conversions between types."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _read_whole_numbers(cls, members: Any) -> Any:
        """Takes `3.0` for `3` in members that are integers, as JSON Schema does."""
        if not isinstance(members, dict):
            return members
        return {
            name: int(value)
            if type(value) is float and value.is_integer() and cls._wants_whole(name)
            else value
            for name, value in members.items()
        }

    @classmethod
    def _wants_whole(cls, name: str) -> bool:
        field = cls.model_fields.get(name)
        return field is not None and field.annotation in (int, int | None)


def json_body(model: type[RequestModel]) -> BodyFormat:
    async def read(request: Request, max_bytes: int) -> RequestModel:
        return checked(model, await read_json_body(request, max_bytes))

    return BodyFormat({"application/json": model}, read)


async def read_json_body(request: Request, max_bytes: int) -> Any:
    """Returns the JSON value in the body. Raises UnsupportedMediaType or MalformedBody."""
    if media_type(request.headers.get("content-type", ""))[0] != "application/json":
        raise UnsupportedMediaType("Send JSON, with `Content-Type: application/json`.")
    return read_json(await read_body(request, max_bytes))


async def read_body(request: Request, max_bytes: int, silence_seconds: float = SILENCE_SECONDS) -> bytes:
    """Returns the whole body, which is never empty.

    Raises:
        BodyTooLarge: `Content-Length`, or what has come so far, is more than `max_bytes`.
        MalformedBody: there is no body.
        BodyTimeout: the client paused in the middle for more than `silence_seconds`.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise _too_large(max_bytes)
    message = await request.receive()
    body = message.get("body", b"")
    if message.get("more_body"):
        body = await _read_on(request, body, max_bytes, silence_seconds)
    elif message["type"] == "http.disconnect":
        raise ClientDisconnect
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    if not body:
        raise MalformedBody("The body is empty.")
    return bytes(body)


@lru_cache(maxsize=256)  # there are few of them
def media_type(content_type: str) -> tuple[str, str | None]:
    """Returns the type and the `charset` of a `Content-Type`, both in lower case."""
    name, *parameters = content_type.split(";")
    charset = None
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            charset = value.strip().strip("\"'").lower()
    return name.strip().lower(), charset


async def _read_on(request: Request, first: bytes, max_bytes: int, silence_seconds: float) -> bytes:
    chunks = [first]
    size = len(first)
    while size <= max_bytes:
        try:
            async with asyncio.timeout(silence_seconds):
                message = await request.receive()
        except TimeoutError:
            raise BodyTimeout(
                f"The body stopped for {silence_seconds:g} seconds before it was complete."
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
        f"The body has more than {max_bytes} bytes, the limit that PRESSRUN_MAX_BODY_BYTES sets."
    )
