"""Reads JSON strictly: it checks what RFC 7493 (I-JSON) demands of senders.

Python's own reader accepts ``NaN``, keeps the last of two equal names, and turns ``1e999`` into
infinity. This one refuses all of these, and also deep nesting and halves of surrogate pairs. So
every value that it returns can be written back, hashed and shown to any client.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from jobs.core.errors.request import MalformedBody

MAX_DEPTH = 64
"""How deep objects and arrays may be nested: far less than what recursive code can handle."""

MAX_VALUES = 1_000_000
"""How many values a text may have: each takes about 100 bytes of memory, and three of the text."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""Also one that does not end, so that the search never begins again inside of one."""
_MAX_INTEGER_DIGITS = 19


def read_json(body: bytes) -> Any:
    """Returns the value of a JSON text.

    Raises MalformedBody if it is not UTF-8, not JSON, or JSON that readers interpret differently.
    """
    try:
        text = body.decode()
        # A cheap count first: it is too high if strings have commas and brackets.
        if _count_values(text) > MAX_VALUES and _count_values(_STRING.sub("", text)) > MAX_VALUES:
            raise MalformedBody(f"The JSON has more than {MAX_VALUES} values.")
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise MalformedBody(f"The JSON is not UTF-8: byte {error.start} does not fit.") from None
    except json.JSONDecodeError as error:
        raise MalformedBody(
            f"This is not JSON: {error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise _too_deep() from None
    # A cheap count first: only a text with many braces (those in strings count, too) is walked.
    if text.count("{") + text.count("[") > MAX_DEPTH and not _fits_depth(value):
        raise _too_deep()
    if ("\\ud" in text or "\\uD" in text) and not _is_encodable(value):
        raise MalformedBody(
            "The JSON has half of a surrogate pair: escape both halves, or write the character itself."
        )
    return value


def canonical_json(value: Any) -> bytes:
    """Returns the canonical JSON of `value`: names sorted, no spaces between tokens, UTF-8."""
    return _ENCODER.encode(value).encode()


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedBody(f"The JSON has {twice[:100]!r} twice in one object.")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise MalformedBody(f"The number {text[:40]} is too large.")
    return number


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _MAX_INTEGER_DIGITS:
        raise MalformedBody(
            f"The number {text[:40]} is too large: send more than {_MAX_INTEGER_DIGITS} digits as text."
        )
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedBody(f"This is not JSON: {name} is not a JSON value.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_without_duplicates,
    parse_float=_finite,
    parse_int=_integer,
    parse_constant=_refuse_constant,
)
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _count_values(text: str) -> int:
    """Returns how many values a text without strings has, at least within a factor of two."""
    return text.count(",") + text.count("[") + text.count("{")


def _too_deep() -> MalformedBody:
    return MalformedBody(
        f"The JSON is nested too deeply: at most {MAX_DEPTH} objects and arrays within each other."
    )


def _fits_depth(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for node in level if isinstance(node, dict | list) for child in _children(node)]
        if not level:
            return True
    return False


def _children(node: dict[str, Any] | list[Any]) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else node


def _is_encodable(value: Any) -> bool:
    try:
        canonical_json(value)
    except UnicodeEncodeError:
        return False
    return True
