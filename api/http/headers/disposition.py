"""Builds `Content-Disposition` headers (RFC 6266) with a file name for old and new clients."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

_SHOWN_BY_BROWSERS = frozenset({"application/pdf", "image/png", "image/webp", "image/jpeg"})
_SEPARATORS_AND_CONTROLS = dict.fromkeys([*map(ord, "/\\"), *range(32), 127], "_")
_UNSAFE = {**_SEPARATORS_AND_CONTROLS, **dict.fromkeys(map(ord, '"%'), "_")}

_UNSAFE_OR_REPLACED = {**_UNSAFE, ord("?"): "_"}
"""A decomposed character may have become one that is not safe."""

_UNQUOTED = "!#$&+-.^_`|~"
"""Besides letters and digits (RFC 8187, section 3.2)."""


def _without_accents(name: str) -> str:
    """Returns ``u`` for ``ü``: clients of before RFC 6266 show this name."""
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter)
    )


def content_disposition(filename: str, content_type: str) -> str:
    """Returns `inline` for types that browsers show without running scripts, else `attachment`."""
    kind = "inline" if content_type.partition(";")[0] in _SHOWN_BY_BROWSERS else "attachment"
    name = filename.translate(_UNSAFE)
    plain = _without_accents(name).encode("ascii", "replace").decode().translate(_UNSAFE_OR_REPLACED)
    header = f'{kind}; filename="{plain}"'
    if name == filename == plain:
        return header
    encoded = filename.translate(_SEPARATORS_AND_CONTROLS).encode("utf-8", "replace")
    return f"{header}; filename*=UTF-8''{quote(encoded, safe=_UNQUOTED)}"
