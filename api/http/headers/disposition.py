"""Builds `Content-Disposition` headers (RFC 6266) with a file name for old and new clients."""

from __future__ import annotations

from urllib.parse import quote

_SHOWN_BY_BROWSERS = frozenset({"application/pdf", "image/png", "image/webp", "image/jpeg"})
_UNSAFE = str.maketrans(dict.fromkeys('"\\%/', "_") | {chr(code): "_" for code in (*range(32), 127)})


def content_disposition(filename: str, content_type: str) -> str:
    """Returns `inline` for types that browsers show without running scripts, else `attachment`."""
    kind = "inline" if content_type.partition(";")[0] in _SHOWN_BY_BROWSERS else "attachment"
    name = filename.translate(_UNSAFE)
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    header = f'{kind}; filename="{plain}"'
    return header if name == filename == plain else f"{header}; filename*=UTF-8''{_extended(filename)}"


def _extended(filename: str) -> str:
    """Encodes a file name (RFC 8187, section 3.2) without path separators and controls."""
    safe = "".join("_" if char in "/\\" or ord(char) < 32 or ord(char) == 127 else char for char in filename)
    return quote(safe.encode("utf-8", "replace"), safe="!#$&+-.^_`|~")
