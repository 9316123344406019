"""Titles of documents, for lists of jobs and for file names. Pure.

A title comes from a document, and so from anybody.
"""

from __future__ import annotations

import re
import unicodedata

_MAX_TITLE_CHARACTERS = 200
_MAX_NAME_BYTES = 200
"""File systems take 255 bytes, and browsers add something such as `` (1)``."""
_JOINERS = frozenset("\u200c\u200d")
"""Invisible characters that words of some scripts need."""
_INVISIBLE = frozenset({"Cf", "Cs", "Co", "Cn"})
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]')
"""Characters that Windows, macOS or Linux refuse."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for itself."""


def clean_title(text: str | None) -> str | None:
    """Returns one line without invisible characters; None if nothing is left."""
    shown = "".join(
        " " if unicodedata.category(letter) == "Cc" else letter
        for letter in text or ""
        if letter in _JOINERS or unicodedata.category(letter) not in _INVISIBLE
    )
    return " ".join(shown.split())[:_MAX_TITLE_CHARACTERS].strip() or None


def with_title(text: str | None) -> dict[str, str]:
    """Returns the member of a result that names the document, if it has a title."""
    title = clean_title(text)
    return {"title": title} if title else {}


def file_name(title: str | None, default: str) -> str:
    """Returns the name of a PDF with this title, such as ``Invoice 17-2026.pdf``."""
    name = re.sub(r"\s*:\s+", " - ", title or "")
    name = _NOT_IN_NAMES.sub("-", name)
    name = re.sub(r"\.pdf$", "", name.strip(" .-"), flags=re.IGNORECASE)
    name = name.encode()[:_MAX_NAME_BYTES].decode(errors="ignore").strip(" .-")
    return default if not name or _DEVICES.fullmatch(name) else f"{name}.pdf"
