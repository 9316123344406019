"""Reads answers of webhook receivers, and keeps a valid status line if invalid bytes follow.

Bytes that are not HTTP may follow a valid head in the same packet, such as the body of a 204. Then
`aiohttp` drops the head too, and a delivery that was accepted would count as failed.
"""

from __future__ import annotations

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

_END_OF_HEAD = b"\r\n\r\n"


class AnswerInvalid(aiohttp.ClientError):
    """The body of an answer is not what its head says."""


class AnswerReader(ResponseHandler):
    """One connection to a receiver."""

    has_surplus = False
    """Bytes followed the end of the answer; they were ignored."""

    def data_received(self, data: bytes) -> None:
        """Gives `aiohttp` each head by itself: an error in what follows must not discard it."""
        start = 0
        while start < len(data) and self.exception() is None:
            is_head = self._payload is None or self._payload.is_eof()
            end = data.find(_END_OF_HEAD, start) + len(_END_OF_HEAD) if is_head else 0
            end = end if end > len(_END_OF_HEAD) else len(data)
            super().data_received(data[start:end])
            start = end
        error, body = self.exception(), self._payload
        if not isinstance(error, HttpProcessingError) or body is None:
            return
        if body.is_eof():
            self.has_surplus = True
        elif body.exception() is None:  # aiohttp would let the reader of the body wait for ever
            body.set_exception(AnswerInvalid(error.message))

    def is_connected(self) -> bool:
        """Tells if the next request may go here: not if an unrequested answer has come."""
        return super().is_connected() and not len(self)
