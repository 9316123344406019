"""Says which pages each piece of a PDF gets when it is split, and the names of the pieces. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jobs.core.errors.job import ResultTooLarge
from jobs.render.protocol.limits import MAX_PIECES
from jobs.render.protocol.page_ranges import resolve

Bookmark = tuple[str, int]
"""Title, and page, counted from 0."""

_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f\\/:*?"<>|]+')
"""Characters that Windows, macOS or Linux refuse."""
_MAX_TITLE_BYTES = 150


class Piece(NamedTuple):
    name: str
    """Its file name."""
    pages: str
    """As in `page_ranges`."""


def pieces(wanted: Mapping[str, Any], page_count: int, bookmarks: Sequence[Bookmark]) -> list[Piece]:
    """Returns the pieces that the option `split` asks for.

    Raises:
        BeyondLastPage: a range has a page that the document does not have.
        ResultTooLarge: there are more than `MAX_PIECES`.
    """
    if "ranges" in wanted:
        ranges = list(wanted["ranges"])
        for each in ranges:
            resolve(each, page_count)
        found = [Piece(f"part-{number:03}.pdf", each) for number, each in enumerate(ranges, start=1)]
    elif "every" in wanted:
        found = list(_every(wanted["every"], page_count))
    else:
        found = list(_by_bookmarks(page_count, bookmarks))
    if len(found) > MAX_PIECES:
        raise ResultTooLarge(
            f"The PDF would be split into {len(found):,} pieces, and may be into {MAX_PIECES}. Split off fewer, "
            "or take more pages for each."
        )
    return found


def _every(count: int, page_count: int) -> Iterator[Piece]:
    for first in range(1, page_count + 1, count):
        last = min(page_count, first + count - 1)
        name = f"page-{first:03}" if first == last else f"pages-{first:03}-{last:03}"
        yield Piece(f"{name}.pdf", _range(first, last))


def _by_bookmarks(page_count: int, bookmarks: Sequence[Bookmark]) -> Iterator[Piece]:
    """A piece begins at each bookmark, and one more at the first page if it has none."""
    starts = sorted(bookmarks, key=lambda each: each[1])
    if not starts or starts[0][1] > 0:
        starts.insert(0, ("", 0))
    for number, (title, page) in enumerate(starts, start=1):
        following = starts[number][1] if number < len(starts) else page_count
        yield Piece(
            f"{f'{number:03} {_clean(title)}'.strip()}.pdf", _range(page + 1, max(page + 1, following))
        )


def _clean(title: str) -> str:
    name = " ".join(_NOT_IN_NAMES.sub("-", title).split())
    return name.encode("utf-8", "ignore")[:_MAX_TITLE_BYTES].decode(errors="ignore").strip(" .")


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
