"""Makes a font that is installed nowhere: each of its characters is a box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables.TupleVariation import TupleVariation

_UNITS_PER_EM = 1000
_PRINTABLE_ASCII = range(0x20, 0x7F)


def own_font(
    width: int,
    family: str = "Boxes",
    characters: Sequence[int] = _PRINTABLE_ASCII,
    *,
    style: str = "Regular",
    weight: int = 400,
    fs_type: int = 4,
    names: Mapping[str, str] | None = None,
) -> bytes:
    """Returns a TrueType font; `width` is that of a box, in thousandths of an em.

    `fs_type` says what its licence permits, and `names` are more entries of its table of names.
    """
    glyphs = [".notdef", *(f"box{code}" for code in characters)]
    font = FontBuilder(_UNITS_PER_EM)
    font.setupGlyphOrder(glyphs)
    font.setupCharacterMap({code: f"box{code}" for code in characters})
    font.setupGlyf({name: _box(width).glyph() for name in glyphs})
    font.setupHorizontalMetrics(dict.fromkeys(glyphs, (width, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": family, "styleName": style, "psName": family, **(names or {})})
    font.setupOS2(
        sTypoAscender=800,
        sTypoDescender=-200,
        usWinAscent=800,
        usWinDescent=200,
        usWeightClass=weight,
        fsType=fs_type,
        fsSelection=0x0001 if "Italic" in style else 0x0040,
    )
    font.setupPost()
    font.font["head"].created = font.font["head"].modified = 0
    font.save(file := BytesIO())
    return file.getvalue()


def variable_font(family: str) -> bytes:
    """Returns a font whose `a` gets wider with its weight, from 100 to 900."""
    font = TTFont(BytesIO(own_font(500, family, [ord("a")])), recalcTimestamp=False)
    builder = FontBuilder(font=font)
    builder.setupFvar([("wght", 100, 400, 900, "Weight")], [])
    corners = [(0, 0), (0, 0), (150, 0), (150, 0)]
    phantoms = [(0, 0)] * 4
    wider = TupleVariation({"wght": (0, 1, 1)}, corners + phantoms)
    builder.setupGvar({name: [wider] for name in font.getGlyphOrder()})
    builder.font.save(file := BytesIO())
    return file.getvalue()


def packed(font: bytes, flavor: str) -> bytes:
    """Returns the font as WOFF or WOFF2 (`flavor`)."""
    packed = TTFont(BytesIO(font), recalcTimestamp=False)
    packed.flavor = flavor
    packed.save(file := BytesIO())
    return file.getvalue()


def _box(width: int) -> TTGlyphPen:
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (width - 50, 700), (width - 50, 0)):
        pen.lineTo(corner)
    pen.closePath()
    return pen
