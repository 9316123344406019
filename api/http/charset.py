"""Decodes the bytes of a document.

The encoding is the first of these: the byte order mark, the `charset` of the request, the one that
the document names in a `<meta>`, UTF-8.
"""

from __future__ import annotations

import codecs
import re

from jobs.core.errors.request import MalformedBody, UnsupportedMediaType

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META = re.compile(rb"""<meta\s[^>]{0,200}?charset\s*=\s*["']?\s*([\w:.+-]{1,40})""", re.IGNORECASE)
_META_BYTES = 1024
"""How far into a document browsers look for its `<meta charset>`."""

_BROWSER_NAMES = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "utf-16": "utf-16-le",
}
"""Python's name of an encoding → the encoding that browsers use for it.

Source: https://encoding.spec.whatwg.org/#names-and-labels
"""

_KNOWN = frozenset(
    {
        *("utf-8", "utf-16-le", "utf-16-be", "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic"),
        *("gb18030", "big5", "big5hkscs", "euc_jp", "iso2022_jp"),
        *("cp866", "cp874", "cp932", "cp949", *(f"cp125{n}" for n in range(9))),
        *(f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
    }
)


def decode_document(body: bytes, charset: str | None, *, is_html: bool) -> str:
    """Returns the text of a document, decoded strictly.

    `charset` is that of the request. A `<meta charset>` in the document counts if it `is_html`.
    Raises UnsupportedMediaType for an unknown charset, MalformedBody for bytes that do not fit it.
    """
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return _decode(body[len(mark) :], encoding)
    if charset:
        named = _encoding(charset)
        if named is None:
            raise UnsupportedMediaType(f"The charset {charset[:40]!r} is not known. Send UTF-8.")
        return _decode(body, named)
    meta = _META.search(body[:_META_BYTES]) if is_html else None
    encoding = (_encoding(meta[1].decode("latin-1")) if meta else None) or "utf-8"
    # A document whose `<meta>` could be read as ASCII is not UTF-16, even if it says so.
    return _decode(body, "utf-8" if encoding.startswith("utf-16") else encoding)


def _encoding(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return None
    name = _BROWSER_NAMES.get(name, name)
    return name if name in _KNOWN else None


def _decode(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        raise MalformedBody(
            f"The document is not {encoding}: byte {error.start} does not fit. "
            "Name its encoding, such as `Content-Type: text/html; charset=iso-8859-1`."
        ) from None
