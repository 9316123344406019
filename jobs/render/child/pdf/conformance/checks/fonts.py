"""Fonts: embedded, complete, with the right widths, and with the Unicode text of their codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pikepdf import Dictionary, Stream

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.cmaps import to_unicode
from jobs.render.child.pdf.conformance.content import UsedFont
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.font_programs import FontProgram, cid_of, cid_widths, program_of
from jobs.render.child.pdf.conformance.objects import items, member, name
from jobs.render.child.pdf.conformance.variants import Variant

_FILES = ("/FontFile", "/FontFile2", "/FontFile3")
_SIMPLE = frozenset({"Type1", "MMType1", "TrueType", "Type3"})
_FILE_TYPES_1 = frozenset({"Type1C", "CIDFontType0C"})
_FILE_TYPES = _FILE_TYPES_1 | {"OpenType"}
_SUBSET_PREFIX = 7
"""Six capitals and a plus sign begin the name of a subset (ISO 32000-1, 9.6.4)."""
_FORBIDDEN_UNICODE = frozenset("\0\ufeff\ufffe")
_WIDTH_TOLERANCE = 1
"""Thousandths of an em."""
_MAX_SHOWN = 5
_KNOWN_COLLECTIONS = ("GB1", "CNS1", "Japan1", "Korea1", "KR")

_UNICODE_LEVELS = frozenset({"a", "u"})


@check({"PDF/A-1": "6.3.2", "PDF/A-2": "6.2.11.2", "PDF/A-3": "6.2.11.2", "PDF/A-4": "6.2.10.2"})
def font_dictionaries(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Font dictionaries have their required members, and font files an allowed type.

    PDF/A-1 does not know OpenType files.
    """
    allowed = _FILE_TYPES_1 if variant.standard == "PDF/A-1" else _FILE_TYPES
    for used in file.contents.fonts.values():
        font = used.font
        kind = name(font.get("/Subtype"))
        if name(font.get("/Type")) != "Font" or kind not in _SIMPLE | {"Type0"}:
            yield Problem("a font is of no known type", used.page)
        elif kind != "Type3" and not name(font.get("/BaseFont")):
            yield Problem("a font has no name", used.page)
        if kind == "Type3" or (kind in _SIMPLE and _is_embedded(font)):
            first, last = font.get("/FirstChar"), font.get("/LastChar")
            if not (isinstance(first, int) and isinstance(last, int)):
                yield Problem(f"{_title(font)} does not say which codes it has", used.page)
            elif len(items(font.get("/Widths"))) != last - first + 1:
                yield Problem(f"{_title(font)} has not one width for each code", used.page)
        file_type = name(member(_descriptor(font), "/FontFile3", "/Subtype"))
        if file_type and file_type not in allowed:
            yield Problem(
                f"{_title(font)} is embedded as {file_type}: use a TrueType font, or PDF/A-2 or later",
                used.page,
            )


@check(
    {
        "PDF/A-1": "6.3.4",
        "PDF/A-2": "6.2.11.4.1",
        "PDF/A-3": "6.2.11.4.1",
        "PDF/A-4": "6.2.10.4.1",
        "PDF/UA-1": "7.21.4.1",
        "PDF/UA-2": "8.4.5.5.1",
    }
)
def embedded_fonts(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Every font is embedded, and has the glyphs that are drawn. PDF/A-1: 6.3.5, too."""
    for used in file.contents.fonts.values():
        if name(used.font.get("/Subtype")) == "Type3":
            continue
        if not _is_embedded(used.font):
            yield Problem(f"{_title(used.font)} is not embedded", used.page)
        elif program := _program(used):
            missing = [code for code, glyph in _glyphs(used).items() if not program.has_glyph(glyph)]
            if missing:
                yield Problem(f"{_title(used.font)} lacks {len(missing)} glyphs", used.page)


@check(
    {
        "PDF/A-1": "6.3.3.1",
        "PDF/A-2": "6.2.11.3.1",
        "PDF/A-3": "6.2.11.3.1",
        "PDF/A-4": "6.2.10.3.1",
        "PDF/UA-1": "7.21.3.1",
        "PDF/UA-2": "8.4.5.3.1",
    }
)
def character_collections(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """The character collections of a CMap and its CID font are the same, unless it is Identity."""
    for used in file.contents.fonts.values():
        cmap = used.font.get("/Encoding")
        if used.is_composite and isinstance(cmap, Stream):
            of_cmap, of_font = (
                [str(member(each, "/CIDSystemInfo", key)) for key in ("/Registry", "/Ordering")]
                for each in (cmap, _descendant(used.font))
            )
            if of_cmap != of_font:
                yield Problem(f"{_title(used.font)} has the CMap of another font", used.page)


@check(
    {
        "PDF/A-1": "6.3.3.2",
        "PDF/A-2": "6.2.11.3.2",
        "PDF/A-3": "6.2.11.3.2",
        "PDF/A-4": "6.2.10.3.2",
        "PDF/UA-1": "7.21.3.2",
        "PDF/UA-2": "8.4.5.3.2",
    }
)
def glyph_maps(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """A CID font with TrueType outlines says which glyph each CID is (CIDToGIDMap)."""
    for used in file.contents.fonts.values():
        cid_font = _descendant(used.font)
        if name(member(cid_font, "/Subtype")) == "CIDFontType2":
            glyph_map = member(cid_font, "/CIDToGIDMap")
            if not isinstance(glyph_map, Stream) and name(glyph_map) != "Identity":
                yield Problem(f"{_title(used.font)} has no CIDToGIDMap", used.page)


@check({"PDF/A-1": "6.3.3.3"})
def cmaps(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """CMaps other than Identity are embedded. Later parts allow those that every reader has."""
    for used in file.contents.fonts.values():
        cmap = used.font.get("/Encoding")
        if used.is_composite and not isinstance(cmap, Stream) and not name(cmap).startswith("Identity-"):
            yield Problem(f"{_title(used.font)} has a CMap that is not embedded", used.page)


@check({"PDF/A-1": "6.3.5"})
def subset_glyphs(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """A subset of a CID font lists the CIDs that it has (CIDSet). It is checked for those drawn."""
    for used in file.contents.fonts.values():
        if not used.is_composite or not _is_subset(used.font):
            continue
        cid_set = member(_descriptor(used.font), "/CIDSet")
        if not isinstance(cid_set, Stream):
            yield Problem(f"{_title(used.font)} does not list its glyphs (CIDSet)", used.page)
        elif cid_of(used.font) is not None:
            bits = cid_set.read_bytes()
            if any(not _bit(bits, cid) for cid in _cids(used).values()):
                yield Problem(f"the CIDSet of {_title(used.font)} lacks glyphs", used.page)


@check(
    {
        "PDF/A-1": "6.3.6",
        "PDF/A-2": "6.2.11.5",
        "PDF/A-3": "6.2.11.5",
        "PDF/A-4": "6.2.10.5",
        "PDF/UA-1": "7.21.5",
        "PDF/UA-2": "8.4.5.6",
    }
)
def glyph_widths(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Widths in the PDF are those of the font file, within a thousandth of an em."""
    for used in file.contents.fonts.values():
        program = _program(used)
        if program is None:
            continue
        widths = cid_widths(_descendant(used.font))
        glyphs, cids = _glyphs(used), _cids(used)
        wrong = [
            code
            for code, glyph in glyphs.items()
            if program.has_glyph(glyph) and abs(program.width(glyph) - widths(cids[code])) > _WIDTH_TOLERANCE
        ]
        if wrong:
            yield Problem(
                f"{len(wrong)} glyphs of {_title(used.font)} have another width in the font file",
                used.page,
            )


@check(
    {
        "PDF/A-1": "6.3.8",
        "PDF/A-2": "6.2.11.7.2",
        "PDF/A-3": "6.2.11.7.2",
        "PDF/UA-1": "7.21.7",
        "PDF/UA-2": "8.4.5.8",
    },
    levels=_UNICODE_LEVELS,
)
def unicode_text(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Every code that is drawn has a text (ToUnicode), and none that stands for nothing."""
    for used in file.contents.fonts.values():
        stream = used.font.get("/ToUnicode")
        if not isinstance(stream, Stream):
            if used.is_composite and not _has_known_collection(used.font):
                yield Problem(f"{_title(used.font)} does not say what its text is", used.page)
            continue
        texts = to_unicode(stream)
        unknown = [code for code in used.codes if code not in texts]
        if unknown:
            codes = ", ".join(f"{code:#x}" for code in sorted(unknown)[:_MAX_SHOWN])
            yield Problem(
                f"{_title(used.font)} does not say which characters the codes {codes} are",
                used.page,
            )
        elif variant.standard != "PDF/A-1" and any(
            _FORBIDDEN_UNICODE.intersection(texts[code]) for code in used.codes
        ):
            yield Problem(f"{_title(used.font)} maps a glyph to U+0000, U+FEFF or U+FFFE", used.page)


@check({"PDF/A-2": "6.2.11.7.3", "PDF/A-3": "6.2.11.7.3", "PDF/UA-2": "8.4.3"}, levels={"a"})
def private_characters(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Characters of Private Use Areas, such as those of icon fonts, have a text (ActualText).

    PDF/UA-2 asks this of real content only, and is content with an `Alt`.
    """
    keys = ("/ActualText",) if variant.is_archive else ("/ActualText", "/Alt")
    tags = {place: tag for tag in file.structure.tags for place in (*tag.mcids, *tag.stream_mcids)}
    for content in file.contents.streams:
        for marked, mcid in content.private:
            if marked == "artifact" and not variant.is_archive:
                continue
            tag = tags.get((content.place, mcid)) if mcid is not None else None
            around = () if tag is None else (tag, *tag.ancestors())
            if not any(key in each.element for each in around for key in keys):
                page, element = tag.place if tag else (content.page, None)
                yield Problem(
                    'a character of an icon font has no text: use aria-hidden="true" and another text',
                    page,
                    element,
                )


@check(
    {
        "PDF/A-2": "6.2.11.8",
        "PDF/A-3": "6.2.11.8",
        "PDF/A-4": "6.2.10.9",
        "PDF/UA-1": "7.21.8",
        "PDF/UA-2": "8.4.5.9",
    }
)
def missing_glyphs(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """No text is drawn with the glyph `.notdef`, which stands for a character without a glyph."""
    for used in file.contents.fonts.values():
        if used.is_composite and 0 in _glyphs(used).values():
            yield Problem(
                f"{_title(used.font)} has no glyph for a character: name a font that has it",
                used.page,
            )


def _title(font: Dictionary) -> str:
    base = name(font.get("/BaseFont"))
    return f"the font {base[_SUBSET_PREFIX:] if _is_subset(font) else base or 'without a name'}"


def _is_subset(font: Dictionary) -> bool:
    base = name(font.get("/BaseFont"))
    prefix = base[: _SUBSET_PREFIX - 1]
    return base[_SUBSET_PREFIX - 1 : _SUBSET_PREFIX] == "+" and prefix.isalpha() and prefix.isupper()


def _has_known_collection(font: Dictionary) -> bool:
    """Tells whether readers know the text of the CIDs (ISO 32000-1, 9.10.2)."""
    return str(member(_descendant(font), "/CIDSystemInfo", "/Ordering")) in _KNOWN_COLLECTIONS


def _descendant(font: Dictionary) -> Any:
    return next(iter(items(font.get("/DescendantFonts"))), None)


def _descriptor(font: Dictionary) -> Any:
    return member(_descendant(font) if "/DescendantFonts" in font else font, "/FontDescriptor")


def _is_embedded(font: Dictionary) -> bool:
    descriptor = _descriptor(font)
    return any(isinstance(member(descriptor, key), Stream) for key in _FILES)


def _program(used: UsedFont) -> FontProgram | None:
    """Returns the font file of a composite font whose CIDs can be told; None for others."""
    if not used.is_composite or cid_of(used.font) is None:
        return None
    descriptor = _descriptor(used.font)
    streams = (member(descriptor, key) for key in ("/FontFile2", "/FontFile3"))
    return next((program_of(stream) for stream in streams if isinstance(stream, Stream)), None)


def _cids(used: UsedFont) -> Mapping[int, int]:
    """Returns the CID of each code that is drawn."""
    to_cid = cid_of(used.font)
    return {} if to_cid is None else {code: to_cid(code) for code in used.codes}


def _glyphs(used: UsedFont) -> Mapping[int, int]:
    """Returns the glyph of each code that is drawn."""
    glyph_map = member(_descendant(used.font), "/CIDToGIDMap")
    cids = _cids(used)
    if not isinstance(glyph_map, Stream):
        return cids
    data = glyph_map.read_bytes()
    return {code: int.from_bytes(data[2 * cid : 2 * cid + 2]) for code, cid in cids.items()}


def _bit(bits: bytes, number: int) -> bool:
    """Tells whether a bit is set; the first one is the highest of the first byte."""
    return number // 8 < len(bits) and bool(bits[number // 8] & 0x80 >> number % 8)


CHECKS: tuple[Check, ...] = (
    font_dictionaries,
    embedded_fonts,
    character_collections,
    glyph_maps,
    cmaps,
    subset_glyphs,
    glyph_widths,
    unicode_text,
    private_characters,
    missing_glyphs,
)
