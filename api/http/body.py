"""Request bodies: the formats that an operation accepts, and how they are read within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from tempfile import SpooledTemporaryFile
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from api.http.body_memory import LARGE_BYTES, BodyDisk, BodyMemory
from api.http.body_pace import BodyPace
from api.http.problems import checked
from api.http.strict_json import read_json
from jobs.core.errors.request import BodyTimeout, BodyTooLarge, MalformedBody, UnsupportedMediaType
from jobs.core.errors.store import ArtifactsUnavailable

COMPLETE = "pressrun.complete"
"""The ASGI extension of a request that was complete when it was looked at. Almost all are, and no
timer is needed for them: it would take a tenth of the time of a submission."""
SENDER = "pressrun.sender"
"""The tenant that sends the body, in the scope of a request."""
_MEMORY_IN_USE = "pressrun.body_memory"
"""Where the scope of a request keeps what gives its shares of the memory back."""


def new_spool(directory: str | None = None) -> SpooledTemporaryFile[bytes]:
    """Makes what keeps a body until it is complete: in memory, or in a file if it is large.

    None is the system's place for such files.
    """
    return SpooledTemporaryFile(LARGE_BYTES, dir=directory)


@dataclass(frozen=True, slots=True)
class BodyBounds:
    """The bounds of all bodies of a process."""

    max_bytes: int
    spool: Callable[[], SpooledTemporaryFile[bytes]] = new_spool
    disk: BodyDisk = field(default_factory=BodyDisk)
    memory: BodyMemory = field(default_factory=BodyMemory)
    unpacked: BodyMemory = field(default_factory=BodyMemory)
    """For what zip files hold. It is not the memory of bodies: a request that waits for it holds a
    share of that, so requests could wait for each other."""
    pace: Callable[[], BodyPace] = BodyPace


@dataclass(frozen=True, slots=True)
class BodyFormat:
    """What an operation accepts as its body."""

    content: Mapping[str, type[BaseModel] | Mapping[str, Any]]
    """The accepted media types, each with its model or JSON Schema, for the contract."""
    read: Callable[[Request, BodyBounds], Awaitable[Any]]
    """Returns the checked body of a request, as the handler gets it."""


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
    async def read(request: Request, bounds: BodyBounds) -> RequestModel:
        return checked(model, await read_json_body(request, bounds))

    return BodyFormat({"application/json": model}, read)


async def read_json_body(request: Request, bounds: BodyBounds) -> Any:
    """Returns the JSON value in the body. Raises UnsupportedMediaType or MalformedBody."""
    if media_type(request.headers.get("content-type", ""))[0] != "application/json":
        raise UnsupportedMediaType("Send JSON, with `Content-Type: application/json`.")
    body = await read_body(request, bounds)
    if len(body) > LARGE_BYTES:
        return await asyncio.to_thread(read_json, body)  # others are served meanwhile
    return read_json(body)


async def read_body(request: Request, bounds: BodyBounds) -> bytes:
    """Returns the whole body, which is never empty.

    A large one takes its share of the memory, until `forget_body`.

    Raises:
        BodyTooLarge: `Content-Length`, or what has come so far, is more than `max_bytes`.
        MalformedBody: there is no body.
        BodyTimeout: it came too slowly.
        ArtifactsUnavailable, ServerBusy: there is no room on the disk for it.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > bounds.max_bytes:
        raise _too_large(bounds.max_bytes)
    pace = bounds.pace()
    body, has_more = await _next_part(request, pace)
    if len(body) > bounds.max_bytes:
        raise _too_large(bounds.max_bytes)
    if has_more:
        try:
            body = await _read_on(request, body, bounds, pace)
        except OSError as error:
            raise ArtifactsUnavailable(
                f"The body could not be kept while it came in: {error.strerror or error}."
            ) from error
    if not body:
        raise MalformedBody("The body is empty.")
    return body


def forget_body(request: Request) -> None:
    """Gives the memory of a large body back, when nothing refers to the body any more."""
    for give_back in request.scope.pop(_MEMORY_IN_USE, ()):
        give_back()


async def take_memory_to_unpack(request: Request, bounds: BodyBounds, size: int) -> None:
    """Waits for memory for the `size` bytes in a zip file, which is taken until `forget_body`."""
    taken = await bounds.unpacked.take(size)
    request.scope.setdefault(_MEMORY_IN_USE, []).append(partial(bounds.unpacked.give_back, taken))


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


async def _read_on(request: Request, first: bytes, bounds: BodyBounds, pace: BodyPace) -> bytes:
    tenant, spooled = request.scope.get(SENDER, ""), 0
    with bounds.spool() as spool:
        try:
            part, has_more = first, True
            while True:
                bounds.disk.take(tenant, len(part))
                spooled += len(part)
                if spooled > bounds.max_bytes:
                    raise _too_large(bounds.max_bytes)
                if spooled <= LARGE_BYTES:
                    spool.write(part)
                else:
                    await asyncio.to_thread(spool.write, part)  # a disk may be slow, or stall
                if not has_more:
                    break
                part, has_more = await _next_part(request, pace)
            if spooled <= LARGE_BYTES:
                return _whole(spool)
            taken = await bounds.memory.take(spooled)
            request.scope[_MEMORY_IN_USE] = [partial(bounds.memory.give_back, taken)]
            return await asyncio.to_thread(_whole, spool)
        finally:
            bounds.disk.give_back(tenant, spooled)


def _whole(spool: SpooledTemporaryFile[bytes]) -> bytes:
    spool.seek(0)
    return spool.read()


async def _next_part(request: Request, pace: BodyPace) -> tuple[bytes, bool]:
    """Returns the next part of the body, and whether there is more."""
    if COMPLETE in request.scope.get("extensions", ()):
        return _part_of(await request.receive())
    now = asyncio.get_running_loop().time
    began = now()
    try:
        async with asyncio.timeout(pace.left_s):
            message = await request.receive()
    except TimeoutError:
        raise BodyTimeout("The body came too slowly, or stopped.") from None
    part, has_more = _part_of(message)
    pace.arrived(len(part), now() - began)
    return part, has_more


def _part_of(message: Message) -> tuple[bytes, bool]:
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body has more than {max_bytes} bytes, the limit that PRESSRUN_MAX_BODY_BYTES sets."
    )
