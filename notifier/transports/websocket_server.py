"""The WebSocket server of the notifier process, on the `websockets` package.

Most connections are idle, so each has a single task, which receives; there are none for sending and
pinging. A frame is written where it arises while the transport has room. If it has none, the frame
waits in the session's send buffer, which closes a client that never reads, and is written when the
transport resumes.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.typing import Subprotocol

from jobs.process.client_connections import Admission, ClientConnections
from jobs.process.http_bounds import DEFAULT_HTTP_BOUNDS, HttpBounds
from notifier.protocol.close_codes import Close, CloseCode
from notifier.protocol.frames import SUBPROTOCOL
from notifier.protocol.session import MAX_MESSAGE_BYTES, Session
from notifier.transports.draining import spread_s
from notifier.transports.sessions import Sessions

log = structlog.get_logger(__name__)

PATH = "/v1/ws"
_WRITE_LIMIT_BYTES = 32 * 1024


class _Connection(ServerConnection):
    """Writes its session's frames whenever the transport has room."""

    session: Session | None = None
    refusal: Close | None = None
    """Why it is closed at once, if it is: set by the handshake."""
    _aborting: asyncio.TimerHandle | None = None
    _address: str | None = None
    _head_bytes = 0
    _is_answered = False
    """Whether it was refused without the help of the protocol object."""

    def __init__(
        self, connections: ClientConnections, bounds: HttpBounds, *arguments: Any, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._connections = connections
        self._bounds = bounds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        if not peer:
            return
        self._address = peer[0]
        admission = self._connections.enter(peer[0])
        if admission is Admission.FLOOD:
            self.transport.abort()
        elif admission is Admission.ADDRESS_FULL:
            self._answer(
                http.HTTPStatus.TOO_MANY_REQUESTS,
                "There are too many connections from this address (PRESSRUN_MAX_CONNECTIONS_PER_ADDRESS).",
                self._bounds.refused_s,
            )
        elif admission is Admission.PROCESS_FULL:
            self._answer(
                http.HTTPStatus.SERVICE_UNAVAILABLE,
                "This process has as many connections as it can hold. Try again soon.",
                self._bounds.refused_s,
            )

    def data_received(self, data: bytes) -> None:
        if self.request is None:
            self._head_bytes += len(data)
            if self._is_answered:
                if self._head_bytes > self._bounds.linger_bytes:
                    self.transport.abort()
                return
            if self._head_bytes > self._bounds.head_bytes:
                limit = self._bounds.head_bytes
                self._answer(
                    http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    f"URL and headers have more than {limit} bytes together.",
                    self._bounds.linger_s,
                )
                return
        super().data_received(data)

    def send_data(self) -> None:
        error = self.protocol.handshake_exc
        if (
            isinstance(error, InvalidMessage)
            and not isinstance(error.__cause__, EOFError)  # the client has gone
            and not self._is_answered
        ):
            # The package would close without an answer.
            self._answer(
                http.HTTPStatus.BAD_REQUEST,
                "This is not an HTTP/1.1 request, or it has a body: only WebSockets are served here.",
                self._bounds.linger_s,
            )
        super().send_data()

    def _answer(self, status: http.HTTPStatus, text: str, linger_s: float) -> None:
        """Answers and closes, so that the answer arrives (RFC 9112, section 9.6)."""
        self._is_answered = True
        body = f"{text}\n".encode()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (status, status.phrase.encode(), len(body), body)
        )
        with contextlib.suppress(OSError, RuntimeError):  # it has gone already
            self.transport.write_eof()
        self._aborting = self.loop.call_later(linger_s, self.transport.abort)

    def flush(self) -> None:
        """Writes frames until none is left or the transport is full; then closes if it must."""
        session = self.session
        if session is None or self.protocol.state is not OPEN:
            return
        while self._has_room() and (frame := session.next_frame()) is not None:
            # Bypasses the protocol object for speed. It keeps no state between two of its frames.
            self.transport.write(_text_message(frame))
        if session.closing is not None:
            self._finish(session.closing, session.close_timeout_s)

    def _has_room(self) -> bool:
        return not self.paused and not self.transport.is_closing()

    def _finish(self, close: Close, timeout_s: float) -> None:
        if self._aborting is None:
            self._aborting = self.loop.call_later(timeout_s, self.transport.abort)
        # Frames go first, if the client reads them in time. One that is too slow has none left.
        if not self.transport.is_closing() and (not self.paused or close.code is CloseCode.TOO_SLOW):
            self.protocol.send_close(close.code, close.reason)
            self.send_data()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._address is not None:
            self._connections.leave(self._address)
        if self._aborting is not None:
            self._aborting.cancel()


class WebSocketServer:
    """Serves `/v1/ws`, and `/healthz` and `/readyz` over plain HTTP."""

    def __init__(
        self,
        sessions: Sessions,
        clients: ClientConnections,
        bounds: HttpBounds = DEFAULT_HTTP_BOUNDS,
    ) -> None:
        self._sessions = sessions
        self._clients = clients
        self._bounds = bounds
        self._connections: set[_Connection] = set()
        self._server: Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None  # noqa: S101 (started)
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        """Listens. With port 0, the system chooses one.

        Raises:
            OSError: the port is taken.
        """
        self._server = await serve(
            self._serve,
            host,
            port,
            create_connection=cast(Any, partial(_Connection, self._clients, self._bounds)),
            open_timeout=self._bounds.head_s,
            select_subprotocol=_select_subprotocol,
            process_request=self._admit,
            compression=None,  # events are small; deflate costs 40 KiB a connection and half of the speed
            server_header=None,
            ping_interval=None,  # the session pings
            close_timeout=self._sessions.timing.close_timeout_s,
            max_size=MAX_MESSAGE_BYTES,
            write_limit=_WRITE_LIMIT_BYTES,
        )
        log.info("notifier.listening", host=host, port=self.port)

    async def drain(self, grace_s: float) -> None:
        """Disconnects all clients, stops listening, and returns when all are gone.

        `/readyz` answers 503 from the start, so that load balancers choose other processes. New
        clients are told to reconnect. Clients that do not go in time are cut off.
        """
        assert self._server is not None  # noqa: S101 (started)
        over_s = spread_s(len(self._sessions), grace_s)
        log.info("notifier.draining", connections=len(self._sessions), spread_s=over_s)
        try:
            async with asyncio.timeout(grace_s):
                await self._sessions.stop_admitting()
                await self._sessions.drain(over_s)
                self._server.close(close_connections=False)
                async with asyncio.timeout(self._sessions.timing.close_timeout_s):  # also for the slow ones
                    await self._server.wait_closed()
        except TimeoutError:
            self._server.close(close_connections=False)
            for connection in self._connections:
                connection.transport.abort()
            await self._server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path == "/healthz":
            return connection.respond(http.HTTPStatus.OK, "ok\n")
        if path == "/readyz":
            if self._sessions.is_draining:
                return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "draining\n")
            return connection.respond(http.HTTPStatus.OK, "ready\n")
        if path != PATH:
            return connection.respond(http.HTTPStatus.NOT_FOUND, f"WebSockets are at {PATH}.\n")
        assert isinstance(connection, _Connection)  # noqa: S101 (see create_connection)
        connection.refusal = self._sessions.refusal(request.headers.raw_items())
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, _Connection)  # noqa: S101 (see create_connection)
        if connection.refusal is not None:
            log.info("connection.refused", code=connection.refusal.code, reason=connection.refusal.reason)
            await connection.close(connection.refusal.code, connection.refusal.reason)
            return
        with self._sessions.connected(connection.flush) as (session, heartbeat):
            connection.session = session
            self._connections.add(connection)
            try:
                session.begin()
                while True:
                    heartbeat.receive(await connection.recv())
            except ConnectionClosed:
                pass
            finally:
                self._connections.discard(connection)
                log.debug(
                    "connection.closed",
                    tenant=session.tenant,
                    code=connection.close_code,
                    reason=connection.close_reason,
                )


def _text_message(payload: bytes) -> bytes:
    """Returns an unfragmented text frame of a server (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 65536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)


def _select_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Selects our subprotocol if it is offered.

    Naming it is optional. A client that offers only others sees that none was selected.
    """
    return Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in offered else None
