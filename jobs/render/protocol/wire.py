"""Encodes and decodes frames between a worker and its child processes. Pure.

A frame is two big-endian 32-bit lengths, then a JSON object (the *header*) and raw bytes (the
*body*) of those lengths. Both sides refuse a frame that is too long before it arrives. Nothing is
ever unpickled, because a child that a hostile document controls can send any bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LENGTHS = struct.Struct("!II")
_JOIN_BELOW_BYTES = 64 * 1024
"""A smaller body is joined to its header: one write costs less than the copy."""


class WireError(Exception):
    """The other side broke the format. The connection cannot be used any more."""


class FrameTooLarge(WireError):
    """A frame is longer than this side accepts. `part` is ``header`` or ``body``."""

    def __init__(self, part: str, size: int, limit: int) -> None:
        super().__init__(f"the {part} of a frame has {size} bytes, more than {limit}")
        self.part = part
        self.size = size


class BadFrame(WireError):
    """The header is not a JSON object."""


@dataclass(frozen=True, slots=True)
class Frame:
    header: dict[str, Any]
    body: bytes


def encode(header: Mapping[str, Any], body: bytes = b"") -> list[bytes]:
    """Returns the buffers to send, in order; a large body is not copied."""
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    head = _LENGTHS.pack(len(text), len(body)) + text
    return [head + body] if len(body) < _JOIN_BELOW_BYTES else [head, body]


class FrameDecoder:
    """Finds frames in bytes that arrive in pieces.

    Do not use it after `feed` raised `WireError`.
    """

    def __init__(self, *, max_header_bytes: int, max_body_bytes: int) -> None:
        self._max_header_bytes = max_header_bytes
        self._max_body_bytes = max_body_bytes
        self._buffer = bytearray()
        self._lengths: tuple[int, int] | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yields the frames that `data` completes.

        Raises:
            FrameTooLarge: as soon as the lengths are known.
            BadFrame: the header is not a JSON object.
        """
        self._buffer += data
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> Frame | None:
        if self._lengths is None:
            if len(self._buffer) < _LENGTHS.size:
                return None
            self._lengths = self._checked(*_LENGTHS.unpack_from(self._buffer))
        header_bytes, body_bytes = self._lengths
        body_at = _LENGTHS.size + header_bytes
        end = body_at + body_bytes
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            header, body = bytes(view[_LENGTHS.size : body_at]), bytes(view[body_at:end])
        del self._buffer[:end]
        self._lengths = None
        return Frame(_parse(header), body)

    def _checked(self, header_bytes: int, body_bytes: int) -> tuple[int, int]:
        if header_bytes > self._max_header_bytes:
            raise FrameTooLarge("header", header_bytes, self._max_header_bytes)
        if body_bytes > self._max_body_bytes:
            raise FrameTooLarge("body", body_bytes, self._max_body_bytes)
        return header_bytes, body_bytes


def _parse(header: bytes) -> dict[str, Any]:
    try:
        value = json.loads(header)
    except (ValueError, RecursionError):
        raise BadFrame("the header of a frame is not JSON") from None
    if not isinstance(value, dict):
        raise BadFrame("the header of a frame is not a JSON object")
    return value
