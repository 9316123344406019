from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from api.http.body import (
    BodyBounds,
    forget_body,
    media_type,
    new_spool,
    read_body,
    read_json_body,
    take_memory_to_unpack,
)
from api.http.body_memory import LARGE_BYTES, BodyDisk, BodyMemory
from api.http.body_pace import BodyPace
from jobs.core.errors.request import (
    BodyTimeout,
    BodyTooLarge,
    MalformedBody,
    ServerBusy,
    UnsupportedMediaType,
)
from jobs.core.errors.store import ArtifactsUnavailable
from testsupport.waiting import DEADLINE_S, eventually


def request(chunks: Iterable[bytes | None], **headers: str) -> Request:
    """Returns a request whose body comes in these pieces. None means that the client goes away."""
    pieces = list(chunks)

    async def receive() -> Message:
        piece = pieces.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw}, receive)


async def test_reads_a_body_in_one_piece_or_many() -> None:
    assert await read_body(request([b"abc"]), BodyBounds(3)) == b"abc"
    assert await read_body(request([b"a", b"", b"b", b"c"]), BodyBounds(3)) == b"abc"


@pytest.mark.parametrize("chunks", [[b"abcd"], [b"ab", b"cd"], [b"", b"abcd"]])
async def test_a_body_beyond_the_limit_is_refused(chunks: list[bytes]) -> None:
    with pytest.raises(BodyTooLarge):
        await read_body(request(chunks), BodyBounds(3))


async def test_a_disk_that_stalls_holds_nobody_else_up() -> None:
    begun, goes_on = threading.Event(), threading.Event()

    class StallingSpool(SpooledTemporaryFile[bytes]):
        def write(self, part: Any) -> int:
            begun.set()
            assert goes_on.wait(DEADLINE_S)
            return super().write(part)

    whole = b"x" * (LARGE_BYTES + 1)
    bounds = BodyBounds(len(whole), partial(StallingSpool, LARGE_BYTES))
    reading = asyncio.create_task(read_body(request([whole, b""]), bounds))
    await eventually(begun.is_set)
    goes_on.set()
    assert await reading == whole


async def test_reading_stops_at_the_limit() -> None:
    unread = [b"ab", b"cd", b"ef", b"gh"]
    pieces = iter(unread)

    async def receive() -> Message:
        return {"type": "http.request", "body": next(pieces), "more_body": True}

    with pytest.raises(BodyTooLarge):
        await read_body(Request({"type": "http", "headers": []}, receive), BodyBounds(3))
    assert next(pieces) == b"ef"


async def test_an_announced_length_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(BodyTooLarge):
        await read_body(request([], content_length="4"), BodyBounds(3))


async def test_an_empty_body_is_malformed() -> None:
    with pytest.raises(MalformedBody):
        await read_body(request([b""]), BodyBounds(3))


@pytest.mark.parametrize("chunks", [[None], [b"a", None, b""]])
async def test_a_client_that_goes_away_is_noticed(chunks: list[bytes | None]) -> None:
    with pytest.raises(ClientDisconnect):
        await read_body(request(chunks), BodyBounds(3))


async def test_a_client_that_stops_in_the_middle_is_not_waited_for() -> None:
    first: list[Any] = [{"type": "http.request", "body": b"a", "more_body": True}]

    async def receive() -> Message:
        return first.pop() if first else await asyncio.Future()

    hurried = BodyBounds(3, pace=lambda: BodyPace(patience_s=0.01))
    with pytest.raises(BodyTimeout):
        await read_body(Request({"type": "http", "headers": []}, receive), hurried)


async def test_a_client_that_sends_no_body_is_not_waited_for() -> None:
    async def receive() -> Message:
        return await asyncio.Future()

    hurried = BodyBounds(3, pace=lambda: BodyPace(patience_s=0.01))
    with pytest.raises(BodyTimeout):
        await read_body(Request({"type": "http", "headers": []}, receive), hurried)


async def test_what_a_body_is_unpacked_to_has_a_memory_of_its_own_until_the_body_is_forgotten() -> None:
    whole = b"x" * (LARGE_BYTES + 1)
    bounds = BodyBounds(len(whole), memory=BodyMemory(2 * LARGE_BYTES), unpacked=BodyMemory(10))
    first, second = request([whole, b""]), request([b"zip"])
    await read_body(first, bounds)
    await take_memory_to_unpack(first, bounds, 11)
    waiting = asyncio.create_task(take_memory_to_unpack(second, bounds, 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    forget_body(first)
    await waiting
    assert await read_body(request([whole, b""]), bounds) == whole


async def test_a_large_body_waits_for_its_share_of_the_memory() -> None:
    whole = b"x" * (LARGE_BYTES + 1)
    bounds = BodyBounds(len(whole), memory=BodyMemory(2 * LARGE_BYTES))
    first, second = request([whole[:9], whole[9:]]), request([whole, b""])
    assert await read_body(first, bounds) == whole
    reading = asyncio.create_task(read_body(second, bounds))
    assert await read_body(request([b"small", b""]), bounds) == b"small"
    await asyncio.wait([reading], timeout=0.2)
    assert not reading.done()
    forget_body(first)
    assert await reading == whole
    forget_body(second)
    forget_body(second)  # once is enough
    assert await bounds.memory.take(2 * LARGE_BYTES) == 2 * LARGE_BYTES


async def test_bodies_give_their_room_on_the_disk_back() -> None:
    bounds = BodyBounds(10, disk=BodyDisk(6))
    for _ in range(3):
        assert await read_body(request([b"abc", b"def"]), bounds) == b"abcdef"
        with pytest.raises(ServerBusy):
            await read_body(request([b"abc", b"defg"]), bounds)
        with pytest.raises(ClientDisconnect):
            await read_body(request([b"abc", None]), bounds)


async def test_a_disk_without_room_for_a_large_body_is_said(tmp_path: Path) -> None:
    bounds = BodyBounds(9 * LARGE_BYTES, partial(new_spool, str(tmp_path / "missing")))
    with pytest.raises(ArtifactsUnavailable, match="could not be kept"):
        await read_body(request([b"x" * LARGE_BYTES, b"x"]), bounds)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("text/html", ("text/html", None)),
        ("Text/HTML; Charset=UTF-8", ("text/html", "utf-8")),
        ('text/html;level=1; charset="latin1"', ("text/html", "latin1")),
        ("text/html; charset=", ("text/html", "")),
        ("", ("", None)),
    ],
)
def test_media_types_are_parsed(header: str, expected: tuple[str, str | None]) -> None:
    assert media_type(header) == expected


async def test_json_is_read_only_with_its_content_type() -> None:
    assert await read_json_body(
        request([b'{"a":1}'], content_type="application/json; charset=UTF-8"), BodyBounds(99)
    ) == {"a": 1}
    with pytest.raises(UnsupportedMediaType):
        await read_json_body(request([b"{}"], content_type="text/plain"), BodyBounds(99))
