"""Uvicorn's HTTP protocol, with bounds on bytes, time and connections (`HttpBounds`).

Each refusal is a problem document. A connection is closed so that the answer arrives, also at a
client that is still sending (RFC 9112, section 9.6): the server says that it will close, ends its
own side, reads on for a while, and then closes.

`docs/contributing/internals.md` lists what this assumes of uvicorn.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, cast

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.http.body import COMPLETE
from api.http.problems import problem_reply
from jobs.core.errors.request import (
    HeadersTooLarge,
    MalformedRequest,
    RequestError,
    RequestTimeout,
    ServerBusy,
    TooManyFromAddress,
    UriTooLong,
)
from jobs.process.client_connections import Admission, ClientConnections
from jobs.process.http_bounds import DEFAULT_HTTP_BOUNDS, HttpBounds

log = structlog.get_logger(__name__)

_FRAMING_PER_BYTE = 8
"""How many bytes may come with a byte of a body: with chunks of one byte, it is five."""
_PIECE_BYTES = 4096
"""How much is parsed at a time. It holds some two hundred requests at most."""


@dataclass(frozen=True, slots=True)
class Front:
    """What all connections of a web process share."""

    connections: ClientConnections
    base_url: str
    on_refusal: Callable[[int], None]
    """Called with the status of each answer that the app does not know of."""
    bounds: HttpBounds = DEFAULT_HTTP_BOUNDS


class _Awaited(Enum):
    """Which part of a request comes next."""

    NONE = auto()
    """The last request is complete."""
    HEAD = auto()
    BODY = auto()


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(self, front: Front, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._front = front
        self._bounds = front.bounds
        self._socket: asyncio.Transport = None  # type: ignore[assignment]
        self._address: str | None = None
        self._awaited = _Awaited.NONE
        self._head_has_begun = False
        """False while nothing but empty lines has come."""
        self._unexplained = 0
        """Bytes since the last head, part of a body, or end of a request was recognised."""
        self._incomplete: RequestResponseCycle | None = None
        """The request whose body is awaited."""
        self._may_stay_open = False
        """Whether the connection may stay open after the answer to it."""
        self._refusal: RequestError | None = None
        """An answer that waits until the requests before are answered."""
        self.is_closing = False
        self._left_over = front.bounds.linger_bytes
        """Bytes that may still come and be thrown away."""
        self._is_upgraded = False
        self._held_back = b""
        """What came while requests waited for answers to earlier ones. It is parsed after those, so
        that few requests wait."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._unsent = 0

    # --- a connection begins and ends -------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._socket = transport
        self.transport = cast(asyncio.Transport, _PoliteTransport(self, transport))
        self._await_request()
        if self.client is not None:
            self._address = self.client[0]
            admission = self._front.connections.enter(self._address)
            if admission is not Admission.ADMITTED:
                self._turn_away(admission)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = self._socket  # there is nothing to be polite about any more
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        for timer in (self._head_timer, self._close_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        if self._address is not None:
            self._front.connections.leave(self._address)

    def shutdown(self) -> None:
        self._may_stay_open = False
        if self.is_closing or not self._is_answering():
            self._close_now()
        else:
            super().shutdown()

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection over. The WebSocket protocol reports its end to `Front`."""
        self._is_upgraded = True
        self.transport = self._socket
        super().handle_websocket_upgrade()

    def _await_request(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self._bounds.idle_s, self.timeout_keep_alive_handler
        )

    # --- a request arrives ------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        data, self._held_back = self._held_back + data, b""
        if len(data) <= _PIECE_BYTES and not self.pipeline:
            self._feed(data)
            return
        pieces = memoryview(data)
        for start in range(0, len(data), _PIECE_BYTES):
            if self._is_upgraded:
                return
            if self.pipeline and not self.is_closing:
                self._held_back = bytes(pieces[start:])
                self.flow.pause_reading()
                return
            self._feed(pieces[start : start + _PIECE_BYTES])

    def _feed(self, data: bytes | memoryview) -> None:
        if self.is_closing or self._refusal is not None:
            self._throw_away(len(data))
            return
        self._unset_keepalive_if_required()
        if self._awaited is _Awaited.NONE:
            self._awaited, self._head_has_begun = _Awaited.HEAD, False
        self._unexplained += len(data)
        try:
            while (asked_at := self._parse(data)) is not None:
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return
                # It is answered as if it asked for no other protocol. Further requests may follow.
                data = data[asked_at:]
                self._unexplained = len(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            if not isinstance(cause, RequestError):
                cause = MalformedRequest("This is not an HTTP/1.1 request.")
            self._refuse(cause)
            return
        if self._unexplained > self._bounds.head_bytes:
            self._refuse(self._too_large())
        elif self._awaited is _Awaited.HEAD and self._head_timer is None:
            self._head_timer = self.loop.call_later(self._bounds.head_s, self._head_is_late)

    def _parse(self, data: bytes | memoryview) -> int | None:
        """Returns where a request ends that asks for another protocol; None if there is none."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as pause:
            return int(pause.args[0])
        return None

    def on_message_begin(self) -> None:
        self._awaited, self._head_has_begun = _Awaited.HEAD, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # With the head, some of the body was counted.
        if self._unexplained > self._bounds.head_bytes and self._head_bytes() > self._bounds.head_bytes:
            raise self._too_large()
        if len(self.headers) > self._bounds.head_fields:
            raise HeadersTooLarge(f"The request has more than {self._bounds.head_fields} headers.")
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        self._awaited, self._unexplained = _Awaited.BODY, 0
        earlier = self.cycle
        super().on_headers_complete()
        if self.cycle is not earlier:  # no WebSocket
            # An answer that begins before the body is complete ends the connection.
            self._incomplete = self.cycle
            self._may_stay_open = self.cycle.keep_alive
            self.cycle.keep_alive = False
            self.headers = []  # for trailers, which have no meaning here
        else:
            self._check_websocket()

    def _check_websocket(self) -> None:
        """Raises MalformedRequest if this cannot be handed over: nothing bounds it afterwards."""
        if self._is_answering():
            raise MalformedRequest("A WebSocket was asked for before earlier requests were answered.")
        for name, value in self.headers:
            if name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
                raise MalformedRequest("A request for a WebSocket has no body.")

    def on_body(self, body: bytes) -> None:
        self._unexplained = max(0, self._unexplained - _FRAMING_PER_BYTE * len(body))
        if self._incomplete is not None and self._incomplete.response_started:
            self._throw_away(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._awaited, self._unexplained = _Awaited.NONE, 0
        if self._incomplete is not None:
            self._incomplete.scope["extensions"] = {COMPLETE: {}}
            if not self._incomplete.response_started:
                self._incomplete.keep_alive = self._may_stay_open
            self._incomplete = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._held_back:
            self.data_received(b"")
        if self._refusal is not None and not self._is_answering():
            self._answer(self._refusal, self._bounds.linger_s)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # --- a request is refused ---------------------------------------------------------------------

    def _turn_away(self, admission: Admission) -> None:
        if admission is Admission.FLOOD:
            self._socket.abort()
        elif admission is Admission.ADDRESS_FULL:
            self._answer(
                TooManyFromAddress(
                    "There are too many connections from this address (PRESSRUN_MAX_CONNECTIONS_PER_ADDRESS). "
                    "Close some, or use them again."
                ),
                self._bounds.refused_s,
            )
        else:
            busy = ServerBusy("This process has as many connections as it can hold. Try again soon.")
            self._answer(busy, self._bounds.refused_s)

    def _head_bytes(self) -> int:
        fields = sum(len(name) + len(value) + 4 for name, value in self.headers)  # with ": " and CRLF
        return len(self.url) + fields

    def _too_large(self) -> RequestError:
        limit = self._bounds.head_bytes
        if self._awaited is _Awaited.HEAD and self._head_has_begun and len(self.url) > limit // 2:
            return UriTooLong(f"The URL is too long: URL and headers may have {limit} bytes together.")
        return HeadersTooLarge(f"URL and headers have more than {limit} bytes together.")

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._is_answering() or self.flow.read_paused:  # it is not the client who is late
            self._head_timer = self.loop.call_later(self._bounds.head_s, self._head_is_late)
        elif self._head_has_begun:
            self._refuse(RequestTimeout(f"The headers took longer than {self._bounds.head_s:g} seconds."))
        else:
            self._close_now()

    def _refuse(self, error: RequestError) -> None:
        """Answers as soon as the requests before are answered, and closes."""
        if not self._is_answering():
            self._answer(error, self._bounds.linger_s)
        elif self._incomplete is None:
            self._refusal = error
            self.flow.pause_reading()
        elif self._incomplete.response_started or self.pipeline:
            self._socket.abort()
        else:  # the app still reads the body that is broken
            self._incomplete.disconnected = True
            self._incomplete.message_event.set()
            self._answer(error, self._bounds.linger_s)

    def _answer(self, error: RequestError, linger_s: float) -> None:
        scope = {"path": ""} if self.scope is None else {"path": "", **self.scope}
        reply = problem_reply(error, scope, self._front.base_url)
        head = [f"HTTP/1.1 {reply.status_code} {HTTPStatus(reply.status_code).phrase}".encode()]
        head += [name + b": " + value for name, value in reply.raw_headers]
        self._socket.write(b"\r\n".join([*head, b"connection: close", b"", bytes(reply.body)]))
        log.debug("http.refused", code=error.code, address=self._address)
        self._front.on_refusal(reply.status_code)
        self._linger(linger_s)

    # --- the connection is closed -----------------------------------------------------------------

    def close(self) -> None:
        """Closes the connection after what was written has arrived."""
        if self._awaited is _Awaited.NONE:
            self._close_now()
        elif not self.is_closing:
            self._linger(self._bounds.linger_s)

    def _linger(self, within_s: float) -> None:
        self.is_closing = True
        self._unset_keepalive_if_required()
        if self._head_timer is not None:
            self._head_timer.cancel()
        with contextlib.suppress(OSError, RuntimeError):  # it has gone already
            self._socket.write_eof()
        self.flow.resume_reading()
        self._close_timer = self.loop.call_later(within_s, self._close_now)

    def _throw_away(self, size: int) -> None:
        self._left_over -= size
        if self._left_over < 0:
            self._socket.abort()

    def _close_now(self) -> None:
        self.is_closing = True
        self._socket.close()
        if self._socket.get_write_buffer_size():
            self._watch_reader()

    # --- a client does not read -------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _watch_reader(self) -> None:
        if self._stall_timer is None:
            self._unsent = self._socket.get_write_buffer_size()
            self._stall_timer = self.loop.call_later(self._bounds.stalled_s, self._end_if_stalled)

    def _end_if_stalled(self) -> None:
        self._stall_timer = None
        unsent = self._socket.get_write_buffer_size()
        if unsent >= self._unsent:
            self._socket.abort()
        elif unsent:
            self._watch_reader()


class _PoliteTransport:
    """The transport as uvicorn gets it: closing it is left to the protocol."""

    __slots__ = ("_protocol", "_socket", "write")

    def __init__(self, protocol: BoundedHttpProtocol, socket: asyncio.Transport) -> None:
        self._protocol = protocol
        self._socket = socket
        self.write = socket.write

    def close(self) -> None:
        self._protocol.close()

    def is_closing(self) -> bool:
        return self._protocol.is_closing or self._socket.is_closing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)
