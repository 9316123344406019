"""Sends HTTP requests to addresses that were checked beforehand, and to no others.

It uses no proxy and no cookies, follows no redirect, and makes one request with each connection.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache

from jobs.core.egress import Address, Target

_READ_BYTES = 64 * 1024
_CONNECT_SECONDS = 5.0
"""Time for each address, so that an unreachable one leaves time for the next."""


class BodyTooLarge(Exception):
    """The body is larger than allowed, before or after decompression."""


@contextmanager
def request(
    target: Target, addresses: Sequence[Address], *, headers: Mapping[str, str], timeout: float
) -> Iterator[http.client.HTTPResponse]:
    """GETs `target` from the first of `addresses` that answers, and yields the response.

    `timeout` (seconds) is for each socket operation.

    Raises:
        OSError, http.client.HTTPException: the server is not reachable, or does not speak HTTP.
    """
    connection = _PinnedConnection(target, addresses, timeout)
    try:
        connection.putrequest("GET", target.path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", target.authority)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        yield connection.getresponse()
    finally:
        connection.close()


def read_body(response: http.client.HTTPResponse, limit: int) -> bytes:
    """Returns the whole body, decompressed (gzip, deflate).

    Raises:
        BodyTooLarge: it has more than `limit` bytes. No more than that is held in memory.
        zlib.error: it is not encoded as its ``Content-Encoding`` says.
    """
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

    def __init__(self, target: Target, addresses: Sequence[Address], timeout: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout)
        self._target = target
        self._addresses = addresses

    def connect(self) -> None:
        self.sock = self._first_to_answer()
        self.sock.settimeout(self.timeout)
        if self._target.scheme == "https":
            self.sock = _tls().wrap_socket(self.sock, server_hostname=self._target.host)

    def _first_to_answer(self) -> socket.socket:
        failure = OSError("its host name has no address")
        for address in self._addresses:
            try:
                return socket.create_connection((str(address), self._target.port), _CONNECT_SECONDS)
            except OSError as error:
                failure = error
        raise failure


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
