"""Reads font files with fontTools. Runs in the check child (`jobs.checks.checker`).

A hostile file can make fontTools work for ever, use much memory or raise anything. These functions
do not limit the first two; the child is limited.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

from jobs.fonts.font import (
    MAX_FAMILIES,
    MAX_FAMILY_CHARACTERS,
    MAX_FONT_BYTES,
    Embedding,
    FontFacts,
    FontFormat,
)

_FORMATS: dict[bytes, FontFormat] = {
    b"\0\1\0\0": "ttf",
    b"true": "ttf",
    b"OTTO": "otf",
    b"wOFF": "woff",
    b"wOF2": "woff2",
}
_TABLES = ("OS/2", "cmap", "head", "hhea", "hmtx", "maxp", "name")
_OUTLINES = ("glyf", "CFF ", "CFF2")

# Bits of `fsType` (OpenType 1.9.1, "OS/2: type flags").
_RESTRICTED, _PREVIEW_AND_PRINT, _EDITABLE = 0x0002, 0x0004, 0x0008
_NO_SUBSETTING, _BITMAP_ONLY = 0x0100, 0x0200

# Numbers of names (OpenType 1.9.1, "name ID examples").
_FAMILY, _TYPOGRAPHIC_FAMILY = 1, 16


logging.getLogger("fontTools").setLevel(logging.CRITICAL)
"""What it says about an untrusted file would get into the log of the web process."""


class FontFlaw(Exception):
    """Why a font cannot be taken. The message goes on after "The font cannot be used: "."""


def examined(content: bytes) -> tuple[FontFacts, bytes]:
    """Returns what is in a font file, and the font as TrueType or OpenType. Raises FontFlaw."""
    format = _format(content)
    try:
        unpacked = content if format in ("ttf", "otf") else _unpacked(content)
        if len(unpacked) > MAX_FONT_BYTES:
            raise FontFlaw(f"unpacked it has {len(unpacked):,} bytes, and {MAX_FONT_BYTES:,} are allowed")
        return _facts(TTFont(BytesIO(unpacked), lazy=True), format), unpacked
    except FontFlaw:
        raise
    except MemoryError:
        raise FontFlaw("to read it takes too much memory") from None
    except Exception as error:  # noqa: BLE001 (hostile fonts make fontTools raise anything)
        raise FontFlaw(f"it is damaged ({type(error).__name__}: {str(error)[:200]})") from None


def _format(content: bytes) -> FontFormat:
    if content[:4] == b"ttcf":
        raise FontFlaw(
            "it is a collection of fonts (TTC, OTC): upload each of its fonts as a file of its own"
        )
    if content[:4] not in _FORMATS:
        raise FontFlaw("it is not a font in TrueType, OpenType, WOFF or WOFF2 format")
    return _FORMATS[content[:4]]


def _unpacked(content: bytes) -> bytes:
    font = TTFont(BytesIO(content), recalcBBoxes=False, recalcTimestamp=False)
    font.flavor = font.flavorData = None
    font.save(file := BytesIO(), reorderTables=None)
    return file.getvalue()


def _facts(font: Any, format: FontFormat) -> FontFacts:
    missing = [tag for tag in _TABLES if tag not in font]
    if missing:
        raise FontFlaw(f"it has no table {', '.join(missing)}")
    embedding = _embedding(font["OS/2"].fsType)
    if not any(tag in font for tag in _OUTLINES):
        raise FontFlaw("it has no outlines (table glyf, CFF or CFF2)")
    if not font.getBestCmap() or font["maxp"].numGlyphs < 1:
        raise FontFlaw("it has no characters with Unicode numbers (table cmap)")
    font["head"], font["hhea"], font["hmtx"]  # raise if they are damaged
    families = list(dict.fromkeys(_families(font)))[:MAX_FAMILIES]
    if not families:
        raise FontFlaw("it has no family name that CSS could name")
    return FontFacts(
        families=families,
        weight=_weight(font),
        style=_style(font),
        format=format,
        embedding=embedding,
        may_be_subset=not font["OS/2"].fsType & _NO_SUBSETTING,
    )


def _embedding(fs_type: int) -> Embedding:
    """Returns what the licence permits. Of several permissions, the least restrictive is valid."""
    if fs_type & _BITMAP_ONLY:
        raise FontFlaw(
            "its licence permits to embed its bitmaps only (fsType bit 9), and a PDF has its outlines. "
            "Ask its maker for a licence or a file that permits embedding"
        )
    if fs_type & _EDITABLE:
        return "editable"
    if fs_type & _PREVIEW_AND_PRINT:
        return "preview_and_print"
    if fs_type & _RESTRICTED:
        raise FontFlaw(
            "its licence forbids to embed it in documents (fsType bit 1, restricted licence). "
            "Ask its maker for a licence or a file that permits embedding"
        )
    return "installable"


def _families(font: Any) -> Iterator[str]:
    names = font["name"]
    for number in (_TYPOGRAPHIC_FAMILY, _FAMILY):
        best = names.getDebugName(number)
        texts = [] if best is None else [best]
        texts += [record.toUnicode(errors="replace") for record in names.names if record.nameID == number]
        for text in texts:
            family = " ".join(text.split())
            # Commas separate names in Pango.
            if family.isprintable() and 0 < len(family) <= MAX_FAMILY_CHARACTERS and "," not in family:
                yield family


def _weight(font: Any) -> str:
    axes = {axis.axisTag: axis for axis in font["fvar"].axes} if "fvar" in font else {}
    if "wght" in axes:
        return f"{_in_css(axes['wght'].minValue)} {_in_css(axes['wght'].maxValue)}"
    return str(_in_css(font["OS/2"].usWeightClass))


def _in_css(weight: float) -> int:
    return min(max(round(weight), 1), 1000)


def _style(font: Any) -> Any:
    selection = font["OS/2"].fsSelection
    if selection & 0x0001 or font["head"].macStyle & 0x0002:
        return "italic"
    return "oblique" if selection & 0x0200 else "normal"
