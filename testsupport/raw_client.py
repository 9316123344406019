"""A client of HTTP that says byte by byte what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from testsupport.waiting import DEADLINE_S


@dataclass
class RawAnswer:
    status: int
    headers: dict[str, str]
    body: bytes


class RawClient:
    """One connection. Every wait has a deadline that only a failing test reaches."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, port: int) -> AsyncIterator[RawClient]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    async def say(self, text: bytes) -> None:
        self._writer.write(text)
        async with asyncio.timeout(DEADLINE_S):
            await self._writer.drain()

    async def trickle(self, text: bytes, pause_s: float) -> None:
        """Says one byte after the other, until the server does not listen any more."""
        with contextlib.suppress(ConnectionError):
            for index in range(len(text)):
                await self.say(text[index : index + 1])
                await asyncio.sleep(pause_s)

    async def answer(self) -> RawAnswer:
        """Reads one answer, whose length must be announced."""
        async with asyncio.timeout(DEADLINE_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, *fields = head.rstrip().split("\r\n")
            pairs = (field.partition(": ") for field in fields)
            headers = {name.lower(): value for name, _, value in pairs}
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return RawAnswer(int(status.split(" ")[1]), headers, body)

    async def rest(self) -> bytes:
        """Reads until the server closes."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._reader.read()

    async def is_cut_off(self) -> None:
        """Returns once the server has closed, one way or the other."""
        with contextlib.suppress(ConnectionError):
            await self.rest()

    async def until(self, text: bytes) -> bytes:
        """Reads up to and with `text`."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._reader.readuntil(text)

    def stop_reading(self) -> None:
        """Leaves all that comes in the buffers of the kernel, and of the server."""
        transport = self._writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()

    async def say_for_ever(self, text: bytes) -> None:
        """Repeats `text` until the server cuts the connection. Raises ConnectionError then."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                await self.say(text)
                await asyncio.sleep(0.001)
