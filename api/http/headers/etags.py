"""Builds entity tags (RFC 9110, section 8.8.3) and compares them with `If-None-Match`."""

from __future__ import annotations

import re

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def weak(value: object) -> str:
    """Returns a tag for documents whose bytes may change while the tag stays (such as progress)."""
    return f'W/"{value}"'


def strong(value: object) -> str:
    """Returns a tag that stands for exactly the same bytes."""
    return f'"{value}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Returns whether `If-None-Match` contains `tag` (weak comparison) or is ``*``."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return tag.removeprefix("W/") in _TAG.findall(if_none_match)
