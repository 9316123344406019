"""A TCP proxy between one process and the store, in which a run breaks the network."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterator

_PIECE_BYTES = 65_536
_NEVER_LINGER = struct.pack("ii", 1, 0)  # closing sends RST and forgets what was not sent


class Proxy:
    """Passes connections on to `to_port`, until it is told otherwise. Listens on loopback."""

    def __init__(self, port: int, to_port: int) -> None:
        self.port = port
        self._to_port = to_port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._passes = asyncio.Event()
        self._passes.set()
        self._latency_s = 0.0
        self._bytes_per_s = 0
        self._answers_pass = True

    async def start(self) -> None:
        """Accepts connections. Does nothing if it does already."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Refuses new connections and resets those that are there."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()

    def reset(self) -> None:
        """Resets every connection on both sides, as a router that forgot them would."""
        for writer in list(self._connections):
            reset(writer)

    @contextlib.asynccontextmanager
    async def refusing(self) -> AsyncIterator[None]:
        await self.close()
        try:
            yield
        finally:
            await self.start()

    @contextlib.contextmanager
    def slowed(self, latency_s: float, bytes_per_s: int) -> Iterator[None]:
        """Inside the block each piece is late, and a connection carries so many bytes a second."""
        self._latency_s, self._bytes_per_s = latency_s, bytes_per_s
        try:
            yield
        finally:
            self._latency_s, self._bytes_per_s = 0.0, 0

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        """Inside the block connections are accepted and kept, and no byte passes."""
        self._passes.clear()
        try:
            yield
        finally:
            self._passes.set()

    @contextlib.contextmanager
    def losing_answers(self) -> Iterator[None]:
        """Inside the block the store gets what is sent, and its answers are lost. Resets all at the
        end, as nobody knows which answer would come next."""
        self._answers_pass = False
        try:
            yield
        finally:
            self.reset()
            self._answers_pass = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            await self._passes.wait()
            store_reader, store_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:  # the store is down: as if it had refused
            reset(writer)
            self._connections.discard(writer)
            return
        self._connections.add(store_writer)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._copy(reader, store_writer))
                tasks.create_task(self._copy(store_reader, writer, are_answers=True))
        except* OSError:
            pass
        finally:
            for each in (writer, store_writer):
                reset(each)
                self._connections.discard(each)

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, are_answers: bool = False
    ) -> None:
        """Copies until one side ends; then raises, so that the other direction ends, too."""
        while piece := await reader.read(_PIECE_BYTES):
            if self._latency_s:
                await asyncio.sleep(self._latency_s + len(piece) / self._bytes_per_s)
            await self._passes.wait()
            if self._answers_pass or not are_answers:
                writer.write(piece)
                await writer.drain()
        raise ConnectionResetError


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes a connection by RST."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it is closed already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NEVER_LINGER)
    writer.transport.abort()
