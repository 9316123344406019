"""Entity tags (RFC 9110, section 8.8.3) and the question that `If-None-Match` asks."""

from __future__ import annotations

import re

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def weak(value: object) -> str:
    """For documents whose bytes may change while their tag does not (progress, place in the queue)."""
    return f'W/"{value}"'


def strong(value: object) -> str:
    """For the very same bytes."""
    return f'"{value}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether `If-None-Match` names `tag` (weak comparison) or anything at all (``*``)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return tag.removeprefix("W/") in _TAG.findall(if_none_match)
