"""The fetch process of a worker: `python -m jobs.render.fetch.main`.

It fetches the assets of all documents that the worker renders at the moment, so that no render
child needs the network, and nothing that a web server sends is parsed in the worker. Its standard
input is one end of a socket pair to the worker; `jobs.render.protocol.assets` has the messages.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from jobs.core.egress import EgressPolicy
from jobs.core.http.custom_headers import HeadersByOrigin
from jobs.process.name_lookup import look_up
from jobs.process.own_addresses import is_own_address
from jobs.render.child.channel import take_standard_input
from jobs.render.child.confine import confine, limit_resources
from jobs.render.fetch.document_fetches import Asset, DocumentFetches, FetchFailed
from jobs.render.protocol import wire
from jobs.render.protocol.failures import shown_url
from jobs.render.protocol.limits import ASSET_PIECE_BYTES, MAX_TEXT_CHARACTERS, MIB, FetchLimits

_MAX_THREADS = 500
"""Far more than there are renders, because a thread whose document has given up may be stuck in the
system's resolver for half a minute."""
_MAX_OPEN_FILES = 2 * _MAX_THREADS
"""A thread has one connection open, and the resolver's files and sockets for a moment."""
_STACK_BYTES = 512 * 1024
_MEMORY_BYTES = 1024 * MIB
_MAX_QUESTION_BYTES = MIB
"""The worker is trusted; a question is a URL, and credentials for ten origins at most."""


@dataclass(slots=True)
class _Document:
    fetches: DocumentFetches
    task: asyncio.Task[None] | None = None
    asset: Asset | None = None
    sent_bytes: int = 0


class FetchServer(asyncio.Protocol):
    """Answers the worker."""

    def __init__(self) -> None:
        self._decoder = wire.FrameDecoder(max_header_bytes=_MAX_QUESTION_BYTES, max_body_bytes=0)
        self._threads = ThreadPoolExecutor(_MAX_THREADS)
        self._documents: dict[int, _Document] = {}
        self._transport: asyncio.Transport
        self._limits: FetchLimits
        self._policy: EgressPolicy

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        os._exit(0)  # waits for no thread

    def data_received(self, data: bytes) -> None:
        for frame in self._decoder.feed(data):
            self._asked(frame.header)

    def _asked(self, question: dict[str, Any]) -> None:
        match question["type"]:
            case "fetch":
                number = question["document"]
                document = self._documents.get(number) or self._new_document(number)
                document.task = asyncio.create_task(
                    self._fetch(number, document, question["url"], question["credentials"])
                )
            case "more":
                self._send_piece(question["document"])
            case "end":
                ended = self._documents.pop(question["document"], None)
                if ended is not None and ended.task is not None:
                    ended.task.cancel()
            case "configure":
                limit_resources(
                    parent_pid=question["parent_pid"], memory_bytes=_MEMORY_BYTES, open_files=_MAX_OPEN_FILES
                )
                confine(question["isolation"], scratch=None, fonts=False, network=True)
                limits = question["limits"]
                self._limits = FetchLimits(**{**limits, "egress_allow": tuple(limits["egress_allow"])})
                self._policy = EgressPolicy.from_entries(
                    self._limits.egress_allow,
                    only_listed=self._limits.mode == "allowlist",
                    is_own=is_own_address,
                )

    def _new_document(self, number: int) -> _Document:
        fetches = DocumentFetches(self._limits, self._policy, self._threads, look_up)
        self._documents[number] = _Document(fetches)
        return self._documents[number]

    async def _fetch(self, number: int, document: _Document, url: str, credentials: HeadersByOrigin) -> None:
        try:
            document.asset, document.sent_bytes = await document.fetches.fetch(url, credentials), 0
        except FetchFailed as failed:
            self._send_failure(number, failed)
        except Exception as error:  # noqa: BLE001 (whatever a server has caused costs one asset)
            message = f"{shown_url(url)} could not be fetched."
            self._send_failure(number, FetchFailed("unreachable", message, detail=repr(error)))
        else:
            self._send_piece(number)

    def _send_piece(self, number: int) -> None:
        document = self._documents.get(number)
        if document is None or document.asset is None:  # this process was started in the middle of it
            self._send_failure(number, FetchFailed("unreachable", "The rest of an asset is missing."))
            return
        asset, start = document.asset, document.sent_bytes
        piece = asset.body[start : start + ASSET_PIECE_BYTES]
        document.sent_bytes += len(piece)
        bytes_left = len(asset.body) - document.sent_bytes
        if not bytes_left:
            document.asset = None
        header = {"url": asset.url, "content_type": asset.content_type, "bytes_left": bytes_left}
        self._send({"type": "fetched", "document": number, **header}, piece)

    def _send_failure(self, number: int, failed: FetchFailed) -> None:
        self._send(
            {
                "type": "not_fetched",
                "document": number,
                "code": failed.code,
                "message": failed.message[:MAX_TEXT_CHARACTERS],
                "is_final": failed.is_final,
                "detail": failed.detail and failed.detail[:MAX_TEXT_CHARACTERS],
                "status": failed.status,
                "retry_after_s": failed.retry_after_s,
            }
        )

    def _send(self, header: dict[str, Any], body: bytes = b"") -> None:
        for part in wire.encode(header, body):
            self._transport.write(part)


async def _serve(worker: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_unix_connection(FetchServer, sock=worker)
    await loop.create_future()  # until the worker closes the connection


def main() -> None:
    worker = take_standard_input()
    worker.setblocking(False)
    threading.stack_size(_STACK_BYTES)
    asyncio.run(_serve(worker))


if __name__ == "__main__":
    main()
