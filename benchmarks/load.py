"""A small HTTP/1.1 client for load: it sends prepared bytes and only counts the answers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import cast


class Connection(asyncio.Protocol):
    """A kept-alive connection with one request at a time.

    Calls `finished(connection, seconds, status)` after each answer.
    """

    def __init__(self, finished: Callable[[Connection, float, int], None]) -> None:
        self._finished = finished
        self._buffer = b""
        self._sent_at = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes, due: float | None = None) -> None:
        """Sends the request.

        Its time counts from `due`, when it should have been sent, so that waiting for a free
        connection counts, too.
        """
        self._sent_at = due if due is not None else time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        at = self._buffer.lower().find(b"content-length:", 0, head_end)
        length = int(self._buffer[at + 15 : self._buffer.index(b"\r", at)])
        if len(self._buffer) < head_end + 4 + length:
            return
        status = int(self._buffer[9:12])
        self._buffer = b""
        self._finished(self, time.perf_counter() - self._sent_at, status)


async def saturated(
    port: int, request: bytes, connections: int, count: int
) -> tuple[float, list[float], set[int]]:
    """Sends `count` requests, each as soon as a connection has its answer.

    Returns answers a second, latencies in seconds, and statuses.
    """
    latencies: list[float] = []
    statuses: set[int] = set()
    left = count
    done = asyncio.Event()

    def finished(connection: Connection, seconds: float, status: int) -> None:
        nonlocal left
        latencies.append(seconds)
        statuses.add(status)
        if left > 0:
            left -= 1
            connection.send(request)
        elif len(latencies) == count:
            done.set()

    loop = asyncio.get_running_loop()
    pool = [
        (await loop.create_connection(lambda: Connection(finished), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    began = time.perf_counter()
    for connection in pool:
        left -= 1
        connection.send(request)
    await done.wait()
    seconds = time.perf_counter() - began
    for connection in pool:
        connection.transport.close()
    return count / seconds, latencies, statuses


async def offered(
    port: int, request: bytes, rate: float, seconds: float, connections: int
) -> tuple[list[float], set[int]]:
    """Sends `rate` requests a second at even times, whether or not the earlier ones were answered.

    Returns latencies in seconds, each from when the request was due, and statuses.
    """
    latencies: list[float] = []
    statuses: set[int] = set()
    free: deque[Connection] = deque()  # used in turn, because the server closes one that is idle for long
    waiting: deque[float] = deque()
    count = int(rate * seconds)
    done = asyncio.Event()

    def finished(connection: Connection, took: float, status: int) -> None:
        latencies.append(took)
        statuses.add(status)
        if waiting:
            connection.send(request, waiting.popleft())
        else:
            free.append(connection)
        if len(latencies) == count:
            done.set()

    loop = asyncio.get_running_loop()
    for _ in range(connections):
        free.append((await loop.create_connection(lambda: Connection(finished), "127.0.0.1", port))[1])
    pool = list(free)
    began = time.perf_counter()
    for number in range(count):
        due = began + number / rate
        while (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        if number % 16 == 0:
            await asyncio.sleep(0)
        if free:
            free.popleft().send(request, due)
        else:
            waiting.append(due)
    await done.wait()
    for connection in pool:
        connection.transport.close()
    return latencies, statuses


def post(port: int, path: str, body: bytes, content_type: str = "application/json") -> bytes:
    """Returns the bytes of a request."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get(port: int, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
