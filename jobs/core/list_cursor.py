"""The cursor of a list that is ordered by time: where a page ended, as ``<milliseconds>-<id>``.

Time and id are bytes, as the scripts answer them.
"""

from __future__ import annotations

from collections.abc import Callable

from jobs.core.errors.request import unknown_cursor


def list_cursor(created: bytes, id: bytes) -> str:
    return f"{created.decode()}-{id.decode()}"


def parse_list_cursor(cursor: str | None, is_id: Callable[[str], object]) -> tuple[bytes, bytes]:
    """Returns time and id; both are empty without a cursor.

    Raises:
        InvalidInput: the cursor was never given out.
    """
    if cursor is None:
        return b"", b""
    created, _, id = cursor.partition("-")
    if not (created.isascii() and created.isdigit() and len(created) < 16 and is_id(id)):
        raise unknown_cursor()
    return created.encode(), id.encode()
