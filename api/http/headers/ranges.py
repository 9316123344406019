"""Reads the `Range` header (RFC 9110, section 14). Only a single range is supported."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobs.core.errors.request import RangeNotSatisfiable

_ONE_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes from `start` up to, not including, `end`."""

    start: int
    end: int

    def content_range(self, size: int) -> str:
        return f"bytes {self.start}-{self.end - 1}/{size}"


def requested_range(header: str | None, size: int) -> ByteRange | None:
    """Returns the range that a `Range` header asks for; None if the answer is the whole file.

    Ignores a header that is malformed, has another unit or asks for several ranges, as the RFC
    allows. Raises RangeNotSatisfiable if no byte is in the range.
    """
    match = _ONE_RANGE.match(header) if header else None
    if match is None:
        return None
    first, last = match[1], match[2]
    if first:
        if last and int(last) < int(first):
            return None
        found = ByteRange(int(first), min(int(last) + 1, size) if last else size)
    elif last:
        found = ByteRange(max(size - int(last), 0), size)
    else:
        return None
    if found.start >= found.end:
        raise RangeNotSatisfiable(size)
    return found
