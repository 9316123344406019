"""Keeps fonts of the same family and style apart in a PDF.

WeasyPrint knows a font by its description. So it takes two files for one if family, weight and
style are the same, as those in which web pages have the scripts of a family (``unicode-range``).
It would draw the characters of one with the shapes of the other.
"""

from __future__ import annotations

from hashlib import md5
from typing import Any

from weasyprint.pdf.fonts import Font
from weasyprint.pdf.stream import Stream
from weasyprint.text.ffi import ffi, harfbuzz, pango
from weasyprint.text.fonts import get_pango_font_hb_face, get_pango_font_key

_TABLES = (b"head", b"maxp", b"cmap", b"hmtx")
"""They are small, and `head` has a checksum of all of a font."""
_add_font = Stream.add_font


def enable() -> None:
    """Keeps fonts apart from now on. It takes a little time for each text."""
    Stream.add_font = _add_distinct  # type: ignore[method-assign]


def disable() -> None:
    """Undoes `enable`."""
    Stream.add_font = _add_font  # type: ignore[method-assign]


def _add_distinct(stream: Any, pango_font: Any) -> tuple[Any, float]:
    first, size = _add_font(stream, pango_font)  # type: ignore[no-untyped-call]
    # The fonts of its description by the addresses of their faces, with a reference to each face.
    by_face = vars(first).setdefault("by_face", {_address(first.hb_face): (first, first.hb_face)})
    face = harfbuzz.hb_font_get_face(pango.pango_font_get_hb_font(pango_font))
    found = by_face.get(_address(face))
    if found is None:
        own_face = get_pango_font_hb_face(pango_font)
        fonts = [font for font, _ in by_face.values()]
        found = by_face[_address(face)] = (_same(own_face, fonts) or _made(stream, pango_font), own_face)
    return found[0], size


def _same(face: Any, fonts: list[Any]) -> Any | None:
    fingerprint = _fingerprint(face)
    return next((font for font in fonts if _fingerprint(font.hb_face) == fingerprint), None)


def _made(stream: Any, pango_font: Any) -> Any:
    """Makes one more font of this description, under a name of its own."""
    key, description, size = get_pango_font_key(pango_font)
    font: Any = Font(pango_font, description, size)
    fingerprint = _fingerprint(font.hb_face)
    digest = md5(font.name + fingerprint, usedforsecurity=False).digest()
    tag = "".join(chr(65 + byte % 26) for byte in digest[:6])
    font.name = b"/" + tag.encode() + font.name[1 + len(font.hash) :]
    font.hash = tag
    stream._fonts[key, fingerprint] = font
    return font


def _fingerprint(face: Any) -> bytes:
    digest = md5(str(harfbuzz.hb_face_get_index(face)).encode(), usedforsecurity=False)
    for tag in _TABLES:
        blob = harfbuzz.hb_face_reference_table(face, harfbuzz.hb_tag_from_string(tag, -1))
        length = ffi.new("unsigned int *")
        data = harfbuzz.hb_blob_get_data(blob, length)
        if length[0]:
            digest.update(ffi.buffer(data, length[0]))
        harfbuzz.hb_blob_destroy(blob)
    return digest.digest()


def _address(face: Any) -> int:
    return int(ffi.cast("uintptr_t", face))
