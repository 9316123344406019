"""Identifiers, and names that clients choose.

An identifier is a prefix that says what it names, and a ULID (https://github.com/ulid/spec). Ids of
one process sort in the order in which it made them, also within a millisecond.
"""

from __future__ import annotations

import random
import re
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_JOB_ID = re.compile(rf"job_{_ULID}\Z")
_BATCH_ID = re.compile(rf"bat_{_ULID}\Z")

NAME_PATTERN = r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$"
"""Names of templates and fonts. Lower case, so that names never differ in case alone, and no
characters to escape in a URL."""
_NAME = re.compile(NAME_PATTERN + r"\Z", re.ASCII)


def is_name(text: str) -> bool:
    """Whether a template or a font can have this name."""
    return _NAME.match(text) is not None


class Ulids:
    """ULIDs, each greater than the one before (the specification's section on monotonicity)."""

    def __init__(self) -> None:
        self._last = 0

    def new(self) -> str:
        """Returns 26 characters: 48 bits of milliseconds, 80 random ones. It gives no access."""
        value = (int(time.time() * 1000) << 80) | random.getrandbits(80)
        if value >> 80 <= self._last >> 80:
            value = self._last + 1
        self._last = value
        return "".join(_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10))


new_ulid = Ulids().new


def new_job_id() -> str:
    return f"job_{new_ulid()}"


def is_job_id(text: str) -> bool:
    """Whether `text` has the shape of a job id."""
    return _JOB_ID.match(text) is not None


def new_batch_id() -> str:
    return f"bat_{new_ulid()}"


def is_batch_id(text: str) -> bool:
    """Whether `text` has the shape of a batch id."""
    return _BATCH_ID.match(text) is not None
