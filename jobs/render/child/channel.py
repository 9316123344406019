"""The connection of a child process to the worker: frames over a socket. All calls block."""

from __future__ import annotations

import os
import socket
from collections import deque
from typing import TYPE_CHECKING, Any

from jobs.render.protocol import wire

if TYPE_CHECKING:
    from jobs.render.child.html.progress_log import Step

_READ_BYTES = 256 * 1024
_MAX_REQUEST_BYTES = 1024**3
"""The worker is trusted, and its own limits are far below this."""


def take_standard_input() -> socket.socket:
    """Returns the socket that this process has as standard input, which becomes empty."""
    worker = socket.socket(fileno=os.dup(0))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return worker


class Channel:
    """Sends and receives frames."""

    def __init__(self, worker: socket.socket) -> None:
        self._socket = worker
        self._decoder = wire.FrameDecoder(
            max_header_bytes=_MAX_REQUEST_BYTES, max_body_bytes=_MAX_REQUEST_BYTES
        )
        self._frames: deque[wire.Frame] = deque()
        self._is_sending = False

    def receive(self) -> wire.Frame:
        """Returns the next frame. Ends the process if the worker has closed the connection."""
        while not self._frames:
            data = self._socket.recv(_READ_BYTES)
            if not data:
                os._exit(0)
            self._frames.extend(self._decoder.feed(data))
        return self._frames.popleft()

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        self._is_sending = True
        for part in wire.encode(header, body):
            self._socket.sendall(part)
        self._is_sending = False

    def ask(self, question: dict[str, Any]) -> wire.Frame:
        """Sends a message during a render and returns the worker's answer."""
        self.send(question)
        return self.receive()

    def send_progress(self, step: Step) -> None:
        if not self._is_sending:  # a signal handler calls this, also in the middle of `send`
            self.send({"type": "progress", **step._asdict()})
