"""`Content-Disposition` (RFC 6266): a file name for every client, old and new."""

from __future__ import annotations

from urllib.parse import quote

_SHOWN_BY_BROWSERS = frozenset({"application/pdf", "image/png", "image/webp", "image/jpeg"})
_UNSAFE = str.maketrans(dict.fromkeys('"\\%/', "_") | {chr(code): "_" for code in (*range(32), 127)})


def content_disposition(filename: str, content_type: str) -> str:
    """Shown in place where browsers can do so without running anything, else a download."""
    kind = "inline" if content_type.partition(";")[0] in _SHOWN_BY_BROWSERS else "attachment"
    name = filename.translate(_UNSAFE)
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    header = f'{kind}; filename="{plain}"'
    return header if name == filename == plain else f"{header}; filename*=UTF-8''{_extended(filename)}"


def _extended(filename: str) -> str:
    """RFC 8187 section 3.2; path separators and controls have no business in a file name in any spelling."""
    safe = "".join("_" if char in "/\\" or ord(char) < 32 or ord(char) == 127 else char for char in filename)
    return quote(safe.encode("utf-8", "replace"), safe="!#$&+-.^_`|~")
