"""A receiver of webhooks that a test scripts byte by byte, and that counts the requests it got."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class RawConnection:
    """One connection of a client. Scripts run in threads, so every call may block."""

    def __init__(self, receiver: RawReceiver, plain: socket.socket) -> None:
        self._receiver = receiver
        self.socket = plain
        self.ended = threading.Event()
        """Set when the script has ended and the connection is closed."""

    def handshake(self, tls: ssl.SSLContext) -> None:
        self.socket = tls.wrap_socket(self.socket, server_side=True)

    def strip_tls(self) -> None:
        """Goes on below TLS, which the client still speaks."""
        self.socket = socket.socket(fileno=self.socket.detach())

    def request(self) -> bytes:
        """Reads one whole request and counts it; returns b"" if the client closes instead."""
        got = b""
        while b"\r\n\r\n" not in got:
            part = self.socket.recv(65_536)
            if not part:
                return b""
            got += part
        head, _, body = got.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self.socket.recv(65_536)
        self._receiver.requests += 1
        return head + b"\r\n\r\n" + body

    def say(self, text: bytes) -> None:
        self.socket.sendall(text)

    def answer(self, text: bytes) -> None:
        """Reads a request, then says `text`."""
        if self.request():
            self.say(text)

    def wait(self) -> None:
        """Says nothing more, until the client closes."""
        while self.socket.recv(65_536):
            pass

    def reset(self) -> None:
        """Closes with RST, as the kernel does for a process that was killed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


Script = Callable[[RawConnection], None]


class RawReceiver:
    """Listens on loopback. The last script serves all connections after it."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = scripts
        self.connections: list[RawConnection] = []
        self.requests = 0
        """How many whole requests have arrived."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @classmethod
    @contextmanager
    def listening(cls, *scripts: Script) -> Iterator[RawReceiver]:
        receiver = cls(*scripts)
        threading.Thread(target=receiver._accept, daemon=True).start()
        try:
            yield receiver
        finally:
            with contextlib.suppress(OSError):
                receiver._listener.shutdown(socket.SHUT_RDWR)
            receiver._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                connection = RawConnection(self, accepted)
                script = self._scripts[min(len(self.connections), len(self._scripts) - 1)]
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(script, connection), daemon=True).start()

    @staticmethod
    def _serve(script: Script, connection: RawConnection) -> None:
        with contextlib.suppress(OSError):
            script(connection)
        connection.socket.close()
        connection.ended.set()
