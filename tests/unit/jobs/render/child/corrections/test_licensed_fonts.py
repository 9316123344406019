"""A PDF has all of a font whose licence forbids to take parts of it."""

from __future__ import annotations

from io import BytesIO

import pikepdf
import pytest
from fontTools.ttLib import TTFont

from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody
from testsupport.own_font import own_font

DOCUMENT = b"<style>@font-face { font-family: own; src: url(own.ttf) } p { font-family: own }</style><p>ab"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ask_nobody)


def glyphs_drawn(engine: Engine, font: bytes) -> int:
    """How many glyphs with an outline the font in the PDF has."""
    pdf = engine.render("html", DOCUMENT, {}, lambda step: None, {"own.ttf": font}).pdf
    engine.tidy_up()
    with pikepdf.open(BytesIO(pdf)) as opened:
        (program,) = [
            item["/FontFile2"].read_bytes()
            for item in opened.objects
            if isinstance(item, pikepdf.Dictionary) and "/FontFile2" in item
        ]
    font = TTFont(BytesIO(program))
    return sum(font["glyf"][name].numberOfContours != 0 for name in font.getGlyphOrder())


def test_a_font_that_may_be_subset_has_only_the_characters_that_are_used(engine: Engine) -> None:
    assert glyphs_drawn(engine, own_font(500)) <= 3


def test_a_font_that_must_not_be_subset_is_whole(engine: Engine) -> None:
    font = own_font(500, fs_type=0x0104)
    assert glyphs_drawn(engine, font) == TTFont(BytesIO(font))["maxp"].numGlyphs


def test_a_font_with_a_broken_licence_table_is_no_error(engine: Engine) -> None:
    font = TTFont(BytesIO(own_font(500)), recalcTimestamp=False)
    del font["OS/2"]
    font.save(file := BytesIO())
    assert glyphs_drawn(engine, file.getvalue()) <= 3
