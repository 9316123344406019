"""A store's address that loses chosen commands together with the connections they came on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from testsupport.ports import free_port


class CuttingProxy:
    """Passes connections on to a store, and closes those on which one of `cuts` is sent: as often
    as `cuts` says, and no more."""

    def __init__(self, store_port: int, cuts: dict[bytes, int]) -> None:
        self.port = free_port()
        self.cuts = cuts
        self._store_port = store_port

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[CuttingProxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        yield self
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        store_reader, store_writer = await asyncio.open_connection("127.0.0.1", self._store_port)
        with contextlib.suppress(OSError):
            answers = asyncio.create_task(_copy(store_reader, writer))
            while piece := await reader.read(65536):
                if self._cuts(piece):
                    break
                store_writer.write(piece)
                await store_writer.drain()
            answers.cancel()
        for each in (writer, store_writer):
            each.transport.abort()

    def _cuts(self, piece: bytes) -> bool:
        for command, left in self.cuts.items():
            if left and command in piece:
                self.cuts[command] -= 1
                return True
        return False


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.transport.abort()
