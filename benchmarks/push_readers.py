"""WebSocket clients that cost nearly nothing, so that a benchmark measures the server.

They parse the header of each frame, and only look for the type in its payload. `plain_server` is a
`websockets` server that does nothing else, for comparison.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import uvloop
from websockets.asyncio.server import ServerConnection, serve

from testsupport.ports import free_port
from testsupport.project import ROOT

CONNECTING_AT_ONCE = 200


class Reader(asyncio.Protocol):
    """Counts events. `first` are the frames to send when the connection is open."""

    def __init__(self, first: list[bytes], on_event: Callable[[Reader], None]) -> None:
        self.events = 0
        self.frames = 0
        self.at = 0.0
        """When the newest event came."""
        self.subscribed = asyncio.Event()
        self._first = first
        self._on_event = on_event
        self._buffer = bytearray()
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it
        self.transport.write(
            b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )

    def ask(self, frame: bytes) -> None:
        self.transport.write(masked(frame))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            del self._buffer[: end + 4]
            self._is_open = True
            for frame in self._first:
                self.transport.write(masked(frame))
            if not self._first:
                self.subscribed.set()
        self._skip_frames()

    def _skip_frames(self) -> None:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            size, start = buffer[at + 1], at + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                if len(buffer) < start + width:
                    break
                size = int.from_bytes(buffer[start : start + width], "big")
                start += width
            if len(buffer) < start + size:
                break
            self._read(bytes(buffer[start : start + 16]))
            at = start + size
        del buffer[:at]

    def _read(self, beginning: bytes) -> None:
        self.frames += 1
        if beginning.startswith(b'{"type":"event"'):
            self.events += 1
            self.at = time.perf_counter()
            self._on_event(self)
        elif beginning.startswith(b'{"type":"subscr'):
            self.subscribed.set()
        elif beginning.startswith(b'{"type":"ping"'):
            self.transport.write(masked(b'{"type":"pong"}'))


def masked(payload: bytes) -> bytes:
    """A client's text frame; masked with zeros, which costs nothing."""
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + payload


def json_frame(**members: object) -> bytes:
    return json.dumps(members).encode()


async def open_readers(
    port: int, count: int, first: list[bytes], on_event: Callable[[Reader], None] = lambda _: None
) -> list[Reader]:
    """So many subscribed clients, from as many loopback addresses as their ports need."""
    loop, readers = asyncio.get_running_loop(), []

    async def open_one(number: int) -> None:
        source = (f"127.0.0.{2 + number // 20_000}", 0)
        _, reader = await loop.create_connection(
            lambda: Reader(first, on_event), "127.0.0.1", port, local_addr=source
        )
        readers.append(reader)
        await reader.subscribed.wait()

    for start in range(0, count, CONNECTING_AT_ONCE):
        await asyncio.gather(*map(open_one, range(start, min(count, start + CONNECTING_AT_ONCE))))
    return readers


def raise_limits() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def memory_kib(pid: int, name: str = "VmRSS") -> int:
    """What the process holds now, or with `VmHWM` held at most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise LookupError(name)


@asynccontextmanager
async def plain_server(*arguments: str) -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    """A `websockets` server that does nothing else, in a process of its own; its port."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.push_readers", str(port), *arguments, cwd=ROOT
    )
    try:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.05)
        yield port, process
    finally:
        process.kill()
        await process.wait()


async def _serve_plain(port: int, events: int, size: int) -> None:
    """Sends `events` frames of `size` bytes to whoever says anything, and then waits."""
    frame = b'{"type":"event","x":"' + b"x" * size + b'"}'

    async def converse(connection: ServerConnection) -> None:
        async for _ in connection:
            await connection.send('{"type":"subscribed"}')
            for _ in range(events):
                await connection.send(frame, text=True)

    async with serve(converse, "127.0.0.1", port, compression=None, ping_interval=None):
        await asyncio.Event().wait()


if __name__ == "__main__":
    raise_limits()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve_plain(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
