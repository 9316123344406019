from __future__ import annotations

from typing import Any

from pikepdf import Array, Dictionary, Name, Stream, String

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import fonts
from jobs.render.child.pdf.conformance.cmaps import to_unicode
from testsupport.conforming import Change, cases, first, problems


def _font(pdf: Any) -> Any:
    return first(pdf, Subtype="Type0")


def _cid_font(pdf: Any) -> Any:
    return _font(pdf).DescendantFonts[0]


def no_name(pdf: Any) -> None:
    del _font(pdf)[Name.BaseFont]


def unknown_kind(pdf: Any) -> None:
    _font(pdf).Subtype = Name.Odd


def simple_font_without_widths(pdf: Any) -> None:
    descriptor = Dictionary(FontFile2=Stream(pdf, b""))
    font = Dictionary(
        Type=Name.Font,
        Subtype=Name.TrueType,
        BaseFont=Name.Odd,
        FirstChar=0,
        LastChar=1,
        FontDescriptor=descriptor,
    )
    pdf.pages[0].obj.Resources.Font[Name.Odd] = font
    pdf.pages[0].contents_add(b"BT /Odd 1 Tf ET")


def unknown_file(pdf: Any) -> None:
    _cid_font(pdf).FontDescriptor.FontFile3 = Stream(pdf, b"", Subtype=Name.Odd)


def not_embedded(pdf: Any) -> None:
    del _cid_font(pdf).FontDescriptor[Name.FontFile2]


def standard_font(pdf: Any) -> None:
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    pdf.pages[0].obj.Resources.Font[Name.Odd] = font
    pdf.pages[0].contents_add(b"/Artifact BMC BT /Odd 9 Tf (x) Tj ET EMC")


def _show(pdf: Any, code: int) -> None:
    (name,) = {
        key for key, font in pdf.pages[0].obj.Resources.Font.items() if font.objgen == _font(pdf).objgen
    }
    pdf.pages[0].contents_add(f"/Artifact BMC BT {name} 9 Tf <{code:04x}> Tj ET EMC".encode())


def glyph_that_is_not_there(pdf: Any) -> None:
    _show(pdf, 0xFFF0)


def notdef(pdf: Any) -> None:
    _show(pdf, 0)


def other_collection(pdf: Any) -> None:
    info = Dictionary(Registry=String("Adobe"), Ordering=String("Odd"), Supplement=0)
    _font(pdf).Encoding = Stream(pdf, b"1 begincidrange <0000> <ffff> 0 endcidrange", CIDSystemInfo=info)


def no_glyph_map(pdf: Any) -> None:
    del _cid_font(pdf)[Name.CIDToGIDMap]


def cmap_that_is_not_embedded(pdf: Any) -> None:
    _font(pdf).Encoding = Name("/UniJIS-UCS2-H")


def no_cid_set(pdf: Any) -> None:
    del _cid_font(pdf).FontDescriptor[Name.CIDSet]


def empty_cid_set(pdf: Any) -> None:
    _cid_font(pdf).FontDescriptor.CIDSet = Stream(pdf, b"\0")


def other_widths(pdf: Any) -> None:
    _cid_font(pdf).W = Array([0, 65535, 1])


def no_unicode(pdf: Any) -> None:
    del _font(pdf)[Name.ToUnicode]


def incomplete_unicode(pdf: Any) -> None:
    _font(pdf).ToUnicode = Stream(pdf, b"1 beginbfchar <fff0> <0041> endbfchar")


def private_text(pdf: Any) -> None:
    _font(pdf).ToUnicode = Stream(pdf, b"1 beginbfrange <0000> <ffff> <e000> endbfrange")


BROKEN: list[tuple[Check, Change]] = [
    (fonts.font_dictionaries, no_name),
    (fonts.font_dictionaries, unknown_kind),
    (fonts.font_dictionaries, simple_font_without_widths),
    (fonts.font_dictionaries, unknown_file),
    (fonts.embedded_fonts, not_embedded),
    (fonts.embedded_fonts, standard_font),
    (fonts.embedded_fonts, glyph_that_is_not_there),
    (fonts.character_collections, other_collection),
    (fonts.glyph_maps, no_glyph_map),
    (fonts.subset_glyphs, no_cid_set),
    (fonts.subset_glyphs, empty_cid_set),
    (fonts.glyph_widths, other_widths),
    (fonts.unicode_text, no_unicode),
    (fonts.unicode_text, incomplete_unicode),
    (fonts.private_characters, private_text),
    (fonts.missing_glyphs, notdef),
    (fonts.cmaps, cmap_that_is_not_embedded),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in fonts.CHECKS}


def test_an_opentype_file_is_found_in_part_1_only() -> None:
    def opentype(pdf: Any) -> None:
        _cid_font(pdf).FontDescriptor.FontFile3 = Stream(pdf, b"", Subtype=Name.OpenType)

    assert problems(fonts.font_dictionaries, "pdf/a-1a", opentype)
    assert problems(fonts.font_dictionaries, "pdf/a-2a", opentype) == []


def test_a_text_that_stands_for_nothing_is_found_from_part_2_on() -> None:
    def to_nothing(pdf: Any) -> None:
        _font(pdf).ToUnicode = Stream(pdf, b"1 beginbfrange <0000> <ffff> <0000> endbfrange")
        _show(pdf, 0)

    assert problems(fonts.unicode_text, "pdf/a-1a", to_nothing) == []
    assert problems(fonts.unicode_text, "pdf/a-2a", to_nothing)
    assert problems(fonts.unicode_text, "pdf/ua-1", to_nothing)


def test_a_font_that_is_not_used_is_no_problem() -> None:
    def unused(pdf: Any) -> None:
        font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
        pdf.pages[0].obj.Resources.Font[Name.Odd] = font

    assert problems(fonts.embedded_fonts, "pdf/a-2a", unused) == []


def test_the_font_is_that_of_the_graphics_state_which_is_restored() -> None:
    def in_between(pdf: Any) -> None:
        (name,) = {
            k for k, font in pdf.pages[0].obj.Resources.Font.items() if font.objgen == _font(pdf).objgen
        }
        font = Dictionary(Type=Name.Font, Subtype=Name.Type3, CharProcs=Dictionary(), FirstChar=0, LastChar=0)
        pdf.pages[0].obj.Resources.Font[Name.Odd] = font
        code = sorted(_codes(_font(pdf)))[0]
        text = f"/Artifact BMC BT {name} 9 Tf q /Odd 9 Tf Q <{code:04x}> Tj ET EMC"
        pdf.pages[0].contents_add(text.encode())

    assert problems(fonts.unicode_text, "pdf/a-2a", in_between) == []


def _codes(font: Any) -> set[int]:
    return set(to_unicode(font.ToUnicode))
