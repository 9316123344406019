"""Ranges of pages: ``1-3,5,8-`` means pages 1 to 3, page 5, and page 8 to the last. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_CHARACTERS = 500
_RANGE = re.compile(r"([0-9]{1,7})(?:(-)([0-9]{1,7})?)?", re.ASCII)

Range = tuple[int, int | None]
"""First and last page, counted from 1. None as the last means the end of the document."""


class BeyondLastPage(Exception):
    """The document has no page with that number."""

    def __init__(self, page: int, page_count: int) -> None:
        super().__init__(f"there is no page {page}: it has {page_count}")


def parse(text: str) -> list[Range]:
    """Returns the ranges in the order in which they are written.

    Raises:
        ValueError: the text does not have this form, or a range runs backwards.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"pages are at most {MAX_CHARACTERS} characters, and these are {len(text)}")
    return [_parse_one(each.strip(" ")) for each in text.split(",")]


def canonical(text: str) -> str:
    """Returns the shortest text for the same ranges. Raises what `parse` raises."""
    return ",".join(_spelled(first, last) for first, last in parse(text))


def count(text: str) -> int | None:
    """Returns how many pages these are, or None if that depends on the document."""
    total = 0
    for first, last in parse(text):
        if last is None:
            return None
        total += last - first + 1
    return total


def resolve(text: str, page_count: int) -> Iterator[int]:
    """Returns the pages, counted from 0, of a document that has `page_count` pages.

    Raises:
        BeyondLastPage: a page does not exist. Raised at once, before the first page is returned.
    """
    ranges = [(first, page_count if last is None else last) for first, last in parse(text)]
    for first, last in ranges:
        if max(first, last) > page_count:
            raise BeyondLastPage(max(first, last), page_count)
    return (page - 1 for first, last in ranges for page in range(first, last + 1))


def _parse_one(text: str) -> Range:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:20]!r} is not a page such as 5, or a range such as 1-3 or 8-")
    first, dash, last = int(match[1]), match[2], match[3]
    if first == 0:
        raise ValueError("pages are counted from 1")
    if not dash:
        return first, first
    if last is not None and int(last) < first:
        raise ValueError(f"the range {text} runs backwards")
    return first, None if last is None else int(last)


def _spelled(first: int, last: int | None) -> str:
    if last is None:
        return f"{first}-"
    return str(first) if first == last else f"{first}-{last}"
