"""Collects uploaded files by name, and refuses names that are not allowed."""

from __future__ import annotations

from jobs.core.errors.request import InvalidInput
from jobs.core.file_names import MAX_NAME_CHARACTERS, is_file_name

MAX_FILES = 200
"""Besides the document or the job: a worker reads them one by one. Their size has other bounds."""


def add_file(files: dict[str, bytes], name: str, content: bytes) -> None:
    """Adds a file. Raises InvalidInput if its name is not allowed, or taken."""
    check_name(name)
    if name in files:
        raise refused(f"there are two files named {name!r}")
    files[name] = content


def check_name(name: str) -> None:
    """Raises InvalidInput if a file may not have this name."""
    if not is_file_name(name):
        raise refused(
            f"{name[:50]!r} is not a relative file name such as logo.png or css/print.css: at most "
            f"{MAX_NAME_CHARACTERS} characters, no backslashes, question marks, hashes or control characters"
        )


def refused(message: str, pointer: str = "/input") -> InvalidInput:
    return InvalidInput(f"The upload: {message}.", [{"pointer": pointer, "message": message}])
