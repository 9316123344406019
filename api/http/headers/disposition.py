"""Builds `Content-Disposition` headers (RFC 6266) with a file name for old and new clients."""

from __future__ import annotations

from urllib.parse import quote

_SHOWN_BY_BROWSERS = frozenset({"application/pdf", "image/png", "image/webp", "image/jpeg"})
_SEPARATORS_AND_CONTROLS = dict.fromkeys([*map(ord, "/\\"), *range(32), 127], "_")
_UNSAFE = {**_SEPARATORS_AND_CONTROLS, **dict.fromkeys(map(ord, '"%'), "_")}

_UNQUOTED = "!#$&+-.^_`|~"
"""Besides letters and digits (RFC 8187, section 3.2)."""


def content_disposition(filename: str, content_type: str) -> str:
    """Returns `inline` for types that browsers show without running scripts, else `attachment`."""
    kind = "inline" if content_type.partition(";")[0] in _SHOWN_BY_BROWSERS else "attachment"
    name = filename.translate(_UNSAFE)
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    header = f'{kind}; filename="{plain}"'
    if name == filename == plain:
        return header
    encoded = filename.translate(_SEPARATORS_AND_CONTROLS).encode("utf-8", "replace")
    return f"{header}; filename*=UTF-8''{quote(encoded, safe=_UNQUOTED)}"
