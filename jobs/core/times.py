"""Reads times, and writes them in the form in which `scripts/common/_clock.lua` does, too."""

from __future__ import annotations

import datetime
import re

_LEAP_SECOND = re.compile(r"(?<=[Tt ]\d\d:\d\d):60(\.\d+)?", re.ASCII)


def rfc3339(unix_ms: int) -> str:
    """Returns the time in a form such as ``2026-01-31T12:00:00.123Z``."""
    moment = datetime.datetime.fromtimestamp(unix_ms // 1000, datetime.UTC)
    return f"{moment.isoformat()[:19]}.{unix_ms % 1000:03d}Z"


def parse_time(text: str) -> datetime.datetime:
    """Parses a time as `datetime.fromisoformat` does, and leap seconds as well.

    Python's times have no leap seconds, so one becomes the start of the second that follows. It is
    23:59:60 UTC (or without an offset) at the end of a month (RFC 3339, section 5.7). Nobody knows
    which months to come will have one, so every month may.

    Raises:
        ValueError: `text` is no time, or has the second 60 at another time.
    """
    before = _LEAP_SECOND.sub(":59", text)
    moment = datetime.datetime.fromisoformat(before)
    if before == text:
        return moment
    try:
        moment += datetime.timedelta(seconds=1)
        in_utc = moment if moment.tzinfo is None else moment.astimezone(datetime.UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is too late") from None
    if (in_utc.day, in_utc.hour, in_utc.minute, in_utc.second) != (1, 0, 0, 0):
        raise ValueError(f"{text!r} is not at the end of a month")
    return moment
