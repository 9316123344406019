"""Receivers of webhooks in processes of their own, so that their cost is not that of sending."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.harness import run

DRIP_S = 0.5


class Receiving(asyncio.Protocol):
    """A minimal receiver: reads requests with a length, and answers 204 or as `behave` says."""

    def __init__(self, seen: Callable[[bytes], None], behave: str = "good") -> None:
        self._seen = seen
        self._behave = behave
        self._pending = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            head = self._pending[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._pending) < end + 4 + length:
                return
            body, self._pending = self._pending[end + 4 : end + 4 + length], self._pending[end + 4 + length :]
            self._seen(body)
            self._answer()

    def _answer(self) -> None:
        if self._behave == "good":
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        elif self._behave == "fail":
            self._transport.write(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")
        elif self._behave == "drip":
            self._transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
            self._drip()

    def _drip(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(b".")
            asyncio.get_running_loop().call_later(DRIP_S, self._drip)


class Receivers:
    """What a process of receivers shares with the benchmark."""

    def __init__(self, urls: list[str], count: Any) -> None:
        self.urls = urls
        self._count = count

    @property
    def count(self) -> int:
        """Requests received so far, by all of them."""
        return int(self._count.value)


@contextmanager
def receivers(*behaviours: str) -> Iterator[Receivers]:
    """One receiver for each of ``good``, ``hang``, ``drip`` and ``fail``, all in one process."""
    context = multiprocessing.get_context("spawn")
    ports, count = context.Queue(), context.Value("q", 0, lock=False)
    process = context.Process(target=_serve, args=(behaviours, ports, count), daemon=True)
    process.start()
    try:
        yield Receivers([f"http://127.0.0.1:{ports.get(timeout=30)}/hook" for _ in behaviours], count)
    finally:
        process.kill()
        process.join()


def _serve(behaviours: tuple[str, ...], ports: Any, count: Any) -> None:
    def seen(_: bytes) -> None:
        count.value += 1

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_server(lambda how=how: Receiving(seen, how), "127.0.0.1", 0, backlog=1024)
            for how in behaviours
        ]
        for server in servers:
            ports.put(server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    run(serve())
