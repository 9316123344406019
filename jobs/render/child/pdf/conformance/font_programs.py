"""Reads embedded font files: which glyphs they have, and how wide these are (fontTools)."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

from fontTools.ttLib import TTLibError  # type: ignore[import-untyped]
from fontTools.ttLib.sfnt import SFNTReader  # type: ignore[import-untyped]
from pikepdf import Dictionary, Stream

from jobs.render.child.pdf.conformance.cmaps import to_cid
from jobs.render.child.pdf.conformance.objects import items, member, name, number

_DEFAULT_WIDTH = 1000
"""Of a CID font without `DW` (ISO 32000-1, table 117)."""


class FontProgram:
    """A TrueType or OpenType font.

    Its tables are read as bytes (OpenType, `maxp`, `head`, `hhea`, `hmtx`): fontTools would read
    the names of all glyphs first, which takes long in fonts for Chinese.
    """

    def __init__(self, tables: SFNTReader) -> None:
        self._glyphs: int = _unsigned(tables["maxp"], 4)
        self._scale = 1000 / _unsigned(tables["head"], 18)
        self._metrics: int = _unsigned(tables["hhea"], 34)
        self._advances: bytes = tables["hmtx"]

    def has_glyph(self, glyph: int) -> bool:
        return glyph < self._glyphs

    def width(self, glyph: int) -> float:
        """Returns the width in thousandths of an em; those after the last metric share it."""
        return _unsigned(self._advances, 4 * min(glyph, self._metrics - 1)) * self._scale


def program_of(stream: Stream) -> FontProgram | None:
    """Returns the font in a stream; None if it is no whole TrueType or OpenType font."""
    try:
        return FontProgram(SFNTReader(io.BytesIO(stream.read_bytes()), checkChecksums=0))
    except (TTLibError, KeyError, AssertionError, ValueError, ArithmeticError, struct.error):
        return None


def cff_outlines(font: bytes) -> bytes | None:
    """Returns the CFF font inside of an OpenType font; None if there is none."""
    try:
        return bytes(SFNTReader(io.BytesIO(font), checkChecksums=0)["CFF "])
    except (TTLibError, KeyError, AssertionError, struct.error):
        return None


def _unsigned(table: bytes, offset: int) -> int:
    return int(struct.unpack_from(">H", table, offset)[0])


def cid_of(font: Dictionary) -> Callable[[int], int] | None:
    """Returns what gives the CID of a code of a composite font; None if it cannot be told."""
    encoding = font.get("/Encoding")
    if isinstance(encoding, Stream):
        cids = to_cid(encoding)
        return (lambda code: cids.get(code, 0)) if cids else None
    return (lambda code: code) if name(encoding).startswith("Identity-") else None


def cid_widths(cid_font: Any) -> Callable[[int], float]:
    """Returns what gives the width of a CID, in thousandths of an em (ISO 32000-1, 9.7.4.3)."""
    widths: dict[int, float] = {}
    waiting = iter(items(member(cid_font, "/W")))
    for first in waiting:
        second = next(waiting, None)
        if number(first) is None or second is None:
            break
        if number(second) is None:
            widths.update({int(first) + at: number(width) or 0 for at, width in enumerate(items(second))})
        else:
            width = number(next(waiting, None)) or 0
            widths.update(dict.fromkeys(range(int(first), min(int(second), 65_535) + 1), width))
    default = number(member(cid_font, "/DW"))
    return lambda cid: widths.get(cid, _DEFAULT_WIDTH if default is None else default)
