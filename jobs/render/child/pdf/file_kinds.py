"""Tells what a file is that should be a PDF, by its first bytes. Pure."""

from __future__ import annotations

import re

EMPTY = "empty"
TEXT = "a text file"

_HEAD_BYTES = 1024
"""Readers look for the header of a PDF in its first 1024 bytes (ISO 32000-1, annex H, note 13)."""
_BEGINNINGS = tuple(
    (re.compile(beginning, re.DOTALL), what)
    for beginning, what in (
        (rb"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (rb"\xff\xd8\xff", "a JPEG picture"),
        (rb"GIF8[79]a", "a GIF picture"),
        (rb"II\*\x00|MM\x00\*", "a TIFF picture"),
        (rb"RIFF.{4}WEBP", "a WebP picture"),
        (rb".{4}ftyp(heic|heix|mif1|avif)", "a HEIC or AVIF picture"),
        (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Word, Excel or PowerPoint file of before 2007"),
        (rb"\{\\rtf", "a Rich Text document"),
        (rb"%!PS", "a PostScript file"),
        (rb"\x1f\x8b", "a gzip file"),
    )
)
_ZIP_BYTES = 1024 * 1024
_IN_ZIPS = (
    (b"word/", "a Word document"),
    (b"xl/", "an Excel workbook"),
    (b"ppt/", "a PowerPoint presentation"),
    (b"application/vnd.oasis.opendocument", "an OpenDocument file"),
    (b"application/epub", "an e-book"),
)
_NAME_IN_ZIP = re.compile(rb"PK\x03\x04.{26}([^\x00-\x1f]{1,100})", re.DOTALL)


def other_kind(content: bytes) -> str | None:
    """Returns such as ``a PNG picture``; None if the file may be a PDF, or nobody knows."""
    if not content:
        return EMPTY
    head = content[:_HEAD_BYTES]
    if b"%PDF-" in head:
        return None
    for beginning, what in _BEGINNINGS:
        if beginning.match(head):
            return what
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(content)
    return _text_kind(head)


def _zip_kind(content: bytes) -> str:
    """Looks at the names of the files inside, which are not packed."""
    names = b"\n".join(_NAME_IN_ZIP.findall(content[:_ZIP_BYTES]))
    return next((what for part, what in _IN_ZIPS if part in names), "a zip file")


def _text_kind(head: bytes) -> str | None:
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return None
        text = head[: error.start].decode("utf-8-sig")  # a letter is cut in two
    if re.search(r"[\x00-\x08\x0e-\x1f]", text):
        return None
    text = text.lstrip().lower()
    if text.startswith(("<!doctype html", "<html")):
        return "an HTML document"
    if text.startswith(("<?xml", "<svg")):
        return "an SVG picture" if "<svg" in text else "an XML file"
    return TEXT
