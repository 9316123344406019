"""Sends HTTP requests to addresses that were checked beforehand, and to no others.

It uses no proxy and no cookies, follows no redirect, and makes one request with each connection.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from jobs.core.egress import MAX_URL_CHARACTERS, Address, Target

_READ_BYTES = 64 * 1024
_MAX_TYPE_CHARACTERS = 1000
_CONNECT_SECONDS = 5.0
"""Time for each address, so that an unreachable one leaves time for the next."""
_SOCKET_SECONDS = 10.0
"""Time for each other operation of the socket. The caller bounds the whole by `Request.abort`."""


class BodyTooLarge(Exception):
    """The body is larger than allowed, before or after decompression."""


class Aborted(OSError):
    """The request was given up by `Request.abort`."""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    location: str | None
    content_type: str
    retry_after: str | None
    body: bytes
    """Decompressed. Empty unless the status is 2xx."""


class Request:
    """One GET request. `perform` blocks; `abort` ends it from another thread."""

    def __init__(self, target: Target, addresses: Sequence[Address], headers: Mapping[str, str]) -> None:
        self._target = target
        self._headers = headers
        self._connection = _PinnedConnection(target, addresses)

    def perform(self, limit: int) -> Response:
        """Sends the request to the first of the addresses that answers.

        Raises:
            OSError, http.client.HTTPException: the server is not reachable, or does not speak HTTP.
            BodyTooLarge: the body has more than `limit` bytes. No more than that is kept in memory.
            zlib.error: it is not encoded as its ``Content-Encoding`` says.
        """
        connection = self._connection
        try:
            connection.putrequest("GET", self._target.path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", self._target.authority)
            for name, value in self._headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            location = response.headers.get("Location")
            return Response(
                response.status,
                location and location[: MAX_URL_CHARACTERS + 1],  # enough to be refused
                response.headers.get("Content-Type", "application/octet-stream")[:_MAX_TYPE_CHARACTERS],
                response.headers.get("Retry-After"),
                _read_body(response, limit) if 200 <= response.status < 300 else b"",
            )
        finally:
            connection.close()

    def abort(self) -> None:
        """Makes `perform` fail, whatever it waits for."""
        self._connection.abort()


def _read_body(response: http.client.HTTPResponse, limit: int) -> bytes:
    """Returns the whole body, decompressed (gzip, deflate)."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    body = bytearray()
    decoder = None
    while data := response.read1(_READ_BYTES):
        if decoder is None:
            decoder = _decoder(encoding, data)
        if decoder is None:
            body += data
        while decoder is not None and data:
            body += decoder.decompress(data, limit + 1 - len(body))
            data = decoder.unconsumed_tail if len(body) <= limit else b""
        if len(body) > limit:
            raise BodyTooLarge
    return bytes(body)


def _decoder(encoding: str, beginning: bytes) -> zlib._Decompress | None:
    if encoding == "deflate" and beginning[0] & 0x0F != 8:
        return zlib.decompressobj(-zlib.MAX_WBITS)  # many servers leave out the zlib header
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)  # detects gzip and zlib headers
    return None


class _PinnedConnection(http.client.HTTPConnection):
    """Connects to one of `addresses` instead of the host; TLS is verified with the host's name."""

    def __init__(self, target: Target, addresses: Sequence[Address]) -> None:
        super().__init__(target.host, target.port)
        self._target = target
        self._addresses = addresses
        self._used: socket.socket | None = None
        """Like `sock`, which `http.client` forgets before the body has arrived."""
        self._is_aborted = False

    def connect(self) -> None:
        connected = self._first_to_answer()
        connected.settimeout(_SOCKET_SECONDS)
        if self._target.scheme == "https":
            secured = _tls().wrap_socket(
                connected, server_hostname=self._target.host, do_handshake_on_connect=False
            )
            self._use(secured)
            secured.do_handshake()

    def abort(self) -> None:
        self._is_aborted = True
        if self._used is not None:
            with suppress(OSError):  # it is not connected yet, or closed already
                # Not its own method: that of an SSLSocket goes on without TLS.
                socket.socket.shutdown(self._used, socket.SHUT_RDWR)

    def _first_to_answer(self) -> socket.socket:
        failure = OSError("its host name has no address")
        for address in self._addresses:
            try:
                return self._connected_to(address)
            except OSError as error:
                failure = error
        raise failure

    def _connected_to(self, address: Address) -> socket.socket:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        tried = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._use(tried)
            tried.settimeout(_CONNECT_SECONDS)
            tried.connect((str(address), self._target.port))
        except OSError:
            tried.close()
            raise
        return tried

    def _use(self, sock: socket.socket) -> None:
        self.sock = self._used = sock
        if self._is_aborted:  # `abort` sets this first, so that one of the two sees the other
            raise Aborted


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
