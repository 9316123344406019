"""The names of uploaded files: paths below the root of the upload, which nothing leads out of."""

from __future__ import annotations

import re

MAX_NAME_CHARACTERS = 200
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f\\\\?#]")


def is_file_name(name: str) -> bool:
    """Tells whether a file may be uploaded as `name`, such as ``css/print.css``."""
    return (
        len(name) <= MAX_NAME_CHARACTERS
        and not _NOT_IN_NAMES.search(name)
        and {"", ".", ".."}.isdisjoint(name.split("/"))
    )
