"""What is read from font files, and which are refused."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib import TTFont

from jobs.fonts.font_check import FontFlaw, examined
from testsupport.own_font import own_font, packed

FONT = own_font(500, "Acme Sans")


def changed(change: Any) -> bytes:
    """The font with something changed."""
    font = TTFont(BytesIO(FONT), recalcTimestamp=False)
    change(font)
    font.save(file := BytesIO())
    return file.getvalue()


def without(tag: str) -> bytes:
    return changed(lambda font: font.__delitem__(tag))


def flaw(content: bytes) -> str:
    with pytest.raises(FontFlaw) as raised:
        examined(content)
    return str(raised.value)


def test_a_truetype_font_is_kept_as_it_is() -> None:
    facts, content = examined(FONT)
    assert content == FONT
    assert facts.model_dump() == {
        "families": ["Acme Sans"],
        "weight": "400",
        "style": "normal",
        "format": "ttf",
        "embedding": "preview_and_print",
        "may_be_subset": True,
    }


@pytest.mark.parametrize("flavor", ["woff", "woff2"])
def test_a_packed_font_is_unpacked(flavor: str) -> None:
    facts, content = examined(packed(FONT, flavor))
    assert facts == examined(FONT)[0].model_copy(update={"format": flavor})
    assert examined(content)[0].format == "ttf"
    assert TTFont(BytesIO(content)).getGlyphOrder() == TTFont(BytesIO(FONT)).getGlyphOrder()


def test_an_opentype_font_with_postscript_outlines_is_read() -> None:
    font = FontBuilder(1000, isTTF=False)
    font.setupGlyphOrder([".notdef", "A"])
    font.setupCharacterMap({65: "A"})
    font.setupCFF("Acme", {}, {name: _char_string() for name in (".notdef", "A")}, {})
    font.setupHorizontalMetrics(dict.fromkeys((".notdef", "A"), (500, 0)))
    font.setupHorizontalHeader()
    font.setupNameTable({"familyName": "Acme Serif", "styleName": "Regular"})
    font.setupOS2(fsType=0)
    font.setupPost()
    font.save(file := BytesIO())
    facts, content = examined(file.getvalue())
    assert (facts.format, facts.families, facts.embedding) == ("otf", ["Acme Serif"], "installable")
    assert content == file.getvalue()


def _char_string() -> Any:
    from fontTools.pens.t2CharStringPen import T2CharStringPen

    return T2CharStringPen(500, None).getCharString()


def test_the_family_that_unites_all_styles_is_the_first() -> None:
    names = {"typographicFamily": "Acme Sans", "typographicSubfamily": "Light"}
    facts, _ = examined(own_font(500, "Acme Sans Light", weight=300, names=names))
    assert (facts.families, facts.weight) == (["Acme Sans", "Acme Sans Light"], "300")


def test_names_that_css_cannot_name_are_left_out() -> None:
    names = {"typographicFamily": "Acme, Inc"}
    assert examined(own_font(500, "Acme", names=names))[0].families == ["Acme"]
    assert "no family name" in flaw(own_font(500, "Acme, Inc"))


def test_an_italic_is_told() -> None:
    assert examined(own_font(500, style="Bold Italic", weight=700))[0].style == "italic"


def test_a_variable_font_has_the_limits_of_its_weight() -> None:
    builder = FontBuilder(font=TTFont(BytesIO(FONT)))
    builder.setupFvar([("wght", 100, 400, 900, "Weight")], [])
    builder.font.save(file := BytesIO())
    assert examined(file.getvalue())[0].weight == "100 900"


@pytest.mark.parametrize(
    ("fs_type", "embedding"),
    [
        (0x0000, "installable"),
        (0x0004, "preview_and_print"),
        (0x0008, "editable"),
        (0x000C, "editable"),
        (0x0006, "preview_and_print"),  # of several permissions, the least restrictive
        (0x000A, "editable"),
    ],
)
def test_what_the_licence_permits_is_told(fs_type: int, embedding: str) -> None:
    facts, _ = examined(own_font(500, fs_type=fs_type))
    assert (facts.embedding, facts.may_be_subset) == (embedding, True)


def test_a_font_that_must_not_be_subset_is_told() -> None:
    assert not examined(own_font(500, fs_type=0x0104))[0].may_be_subset


@pytest.mark.parametrize("fs_type", [0x0002, 0x0102])
def test_a_font_with_a_restricted_licence_is_refused(fs_type: int) -> None:
    assert "forbids to embed it" in flaw(own_font(500, fs_type=fs_type))


@pytest.mark.parametrize("fs_type", [0x0200, 0x0204, 0x0208])
def test_a_font_of_which_only_bitmaps_may_be_embedded_is_refused(fs_type: int) -> None:
    assert "bitmaps only" in flaw(own_font(500, fs_type=fs_type))


def test_what_is_no_font_is_refused() -> None:
    for content in (b"", b"<html>", b"%PDF-1.7", b"\x89PNG"):
        assert "not a font in TrueType" in flaw(content)
    assert "upload each of its fonts" in flaw(b"ttcf" + FONT)


@pytest.mark.parametrize("tag", ["OS/2", "cmap", "head", "name"])
def test_a_font_without_a_table_that_it_needs_is_refused(tag: str) -> None:
    assert flaw(without(tag)) == f"it has no table {tag}"


def test_a_font_without_outlines_is_refused() -> None:
    def drop(font: Any) -> None:
        del font["glyf"], font["loca"]

    assert "no outlines" in flaw(changed(drop))


def test_a_font_without_characters_is_refused() -> None:
    assert "no characters" in flaw(own_font(500, characters=()))


@pytest.mark.parametrize("flavor", [None, "woff", "woff2"])
def test_a_font_that_is_cut_off_anywhere_is_refused_or_still_readable(flavor: str | None) -> None:
    content = packed(FONT, flavor) if flavor else FONT
    for length in range(4, len(content), 97):
        with suppress(FontFlaw):
            examined(content[:length])
