"""Documents with and without own fonts, one after the other, compared with plain WeasyPrint."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pikepdf
import pypdfium2
import pytest
import weasyprint
from fontTools.ttLib import TTFont

from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import FILES_URL, DocumentFetcher, ask_nobody
from jobs.render.child.html.fonts.configuration import Fonts
from jobs.render.protocol.memory import ProcessUse
from testsupport.documents import SMALL
from testsupport.own_font import own_font

MIB = 1024 * 1024

WIDE, NARROW = own_font(900), own_font(300, "Slim")
TEXT = "<title>Fonts</title><style>p { font-family: own, serif }</style><p>Which font is <b>this</b>?"
FACE = "<style>@font-face { font-family: own; src: url(own.ttf) }</style>"
FEATURES = "<style>@font-face { font-family: own; src: url(own.ttf); font-variant-ligatures: none }</style>"
BOLD = "<style>@font-face { font-family: own; src: url(slim.ttf); font-weight: bold }</style>"
INLINE = f"<style>@font-face {{ font-family: own; src: url(data:font/ttf;base64,{b64encode(WIDE).decode()}) }}</style>"
LOCAL = "<style>@font-face { font-family: own; src: local('DejaVu Serif') }</style>"
MISSING = "<style>@font-face { font-family: own; src: url(nowhere.ttf) }</style>"
OVER_A_GENERIC = "<style>@font-face { font-family: serif; src: url(own.ttf) }</style>"
DRAWING = quote(
    '<svg xmlns="http://www.w3.org/2000/svg" width="99" height="20"><style>@font-face { font-family: own; '
    f'src: url({FILES_URL}own.ttf) }}</style><text y="15" font-family="own">drawn</text></svg>'
)
LATE = f"<style>p {{ background: url('data:image/svg+xml,{DRAWING}') }}</style>"
"""Its font is loaded after all text is laid out and before any is drawn."""

DOCUMENTS = {
    "none": TEXT,
    "uploaded": FACE + TEXT,
    "features": FEATURES + TEXT,
    "two faces": FACE + BOLD + TEXT,
    "inline": INLINE + TEXT,
    "local": LOCAL + TEXT,
    "missing": MISSING + TEXT,
    "over a generic": OVER_A_GENERIC + TEXT,
    "late": LATE + TEXT,
    "form": FACE + TEXT + "<form><input style='font-family: own; appearance: auto' value=x></form>",
}
FILES = {"own.ttf": WIDE, "slim.ttf": NARROW}


def rendered(fonts: Fonts | None, document: str, files: dict[str, bytes] = FILES) -> bytes:
    """The PDF with `fonts`, which are tidied up afterwards, or the PDF of plain WeasyPrint."""
    pdf = drawn(fonts, document, files)
    if fonts is not None:
        gc.collect()
        fonts.tidy_up()
    return pdf


def drawn(fonts: Fonts | None, document: str, files: dict[str, bytes] = FILES) -> bytes:
    fetcher = DocumentFetcher(ask_nobody, files)
    html = weasyprint.HTML(string=document, base_url=fetcher.base_url, url_fetcher=fetcher)
    pdf = html.write_pdf(font_config=fonts, pdf_forms=True)
    assert isinstance(pdf, bytes)
    return pdf


def fonts_of(pdf: bytes) -> set[str]:
    """Names of the fonts in the PDF, without the tags of subsets."""
    with pikepdf.open(BytesIO(pdf)) as opened:
        names = {str(item.BaseFont) for item in opened.objects if _is_font(item)}
    return {name.removeprefix("/").partition("+")[2] for name in names}


def _is_font(item: pikepdf.Object) -> bool:
    return isinstance(item, pikepdf.Dictionary) and "/BaseFont" in item


def test_documents_of_all_kinds_in_any_order_have_the_bytes_of_plain_weasyprint() -> None:
    plain = {name: rendered(None, document) for name, document in DOCUMENTS.items()}
    fonts = Fonts()
    for name in [*DOCUMENTS, *reversed(DOCUMENTS), *list(DOCUMENTS)[::2]]:
        assert rendered(fonts, DOCUMENTS[name]) == plain[name], name


@pytest.mark.parametrize("name", ["uploaded", "features", "two faces", "inline", "late", "form"])
def test_documents_use_the_fonts_that_they_bring(name: str) -> None:
    assert fonts_of(rendered(Fonts(), DOCUMENTS[name])) >= {"own"}


@pytest.mark.parametrize("face", [FACE, INLINE, OVER_A_GENERIC, LATE])
def test_a_document_does_not_find_a_font_of_the_document_before_it(face: str) -> None:
    fonts = Fonts()
    fallback = fonts_of(rendered(None, TEXT))
    assert fonts_of(rendered(fonts, face + TEXT)) != fallback
    assert fonts_of(rendered(fonts, TEXT)) == fallback


def test_a_document_gets_its_own_font_and_not_an_earlier_one_of_the_same_name() -> None:
    fonts = Fonts()
    wide = rendered(fonts, FACE + TEXT)
    narrow = rendered(fonts, FACE + TEXT, {"own.ttf": NARROW})
    assert wide != narrow
    assert narrow == rendered(None, FACE + TEXT, {"own.ttf": NARROW})
    assert rendered(fonts, FACE + TEXT) == wide


LATIN, LATIN_EXT, CYRILLIC = (
    [*range(0x20, 0x7F), *range(0xA0, 0x100)],
    range(0x100, 0x180),
    range(0x410, 0x450),
)


def in_two_files(more: Sequence[int]) -> tuple[str, dict[str, bytes]]:
    """A family as web pages bring it: Latin in one file and other characters in another."""
    faces = "".join(
        f"@font-face {{ font-family: own; src: url({name}); unicode-range: {characters} }}"
        for name, characters in (("a.ttf", "U+20-FF"), ("b.ttf", f"U+{more[0]:X}-{more[-1]:X}"))
    )
    files = {"a.ttf": own_font(300, "Some", LATIN), "b.ttf": own_font(900, "Some", more)}
    return f"<meta charset=utf-8><style>{faces} p {{ font-family: own }}</style>", files


def outlines_of(pdf: bytes) -> list[set[int]]:
    """The widths of the boxes in each font of the PDF, the narrowest first."""
    with pikepdf.open(BytesIO(pdf)) as opened:
        programs = [
            TTFont(BytesIO(item["/FontFile2"].read_bytes()))
            for item in opened.objects
            if isinstance(item, pikepdf.Dictionary) and "/FontFile2" in item
        ]
    found = []
    for program in programs:
        glyphs = [program["glyf"][name] for name in program.getGlyphOrder()]
        found.append({glyph.xMax for glyph in glyphs if glyph.numberOfContours})
    return sorted(found, key=min)


@pytest.mark.parametrize(("more", "text"), [(CYRILLIC, "abc АБВ abc"), (LATIN_EXT, "zażółć gęślą")])
def test_each_part_of_a_family_is_drawn_in_its_own_file(more: Sequence[int], text: str) -> None:
    head, files = in_two_files(more)
    fonts = Fonts()
    pdf = rendered(fonts, f"{head}<p>{text}<p style='font-size: 9px'>{text}", files)
    assert outlines_of(pdf) == [{250}, {850}]
    assert text in pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_bounded()
    assert rendered(fonts, f"{head}<p>{text}<p style='font-size: 9px'>{text}", files) == pdf
    assert rendered(fonts, DOCUMENTS["uploaded"]) == rendered(None, DOCUMENTS["uploaded"])


def test_an_own_font_hides_an_installed_one_of_its_name_from_its_document_only() -> None:
    fonts = Fonts()
    text = "<style>p { font-family: DejaVu Sans }</style><p>a <b>b</b> Ж"
    installed = rendered(fonts, text)
    own = rendered(fonts, FACE.replace("family: own", "family: DejaVu Sans") + text)
    # The own font has no Ж. In the PDF, an installed font of the same name would be the same font.
    assert pypdfium2.PdfDocument(own)[0].get_textpage().get_text_bounded() == "a b Ж"
    assert len(fonts_of(own) - {"DejaVu-Sans", "DejaVu-Sans-Bold"}) == 1
    assert rendered(fonts, text) == installed


def test_the_shared_font_map_is_in_use_again_after_a_document_with_its_own_fonts() -> None:
    fonts = Fonts()
    shared = fonts.font_map
    fonts.add_font_face({"font_family": "own", "src": [("external", None)]}, None)
    assert fonts.font_map is not shared
    fonts.tidy_up()
    assert fonts.font_map is shared


def test_font_files_are_removed_with_their_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fonts = Fonts()
    directories = []
    for document in (FACE + TEXT, MISSING + TEXT, TEXT):
        drawn(fonts, document)
        directories.append(len(list(tmp_path.iterdir())))
        gc.collect()
        fonts.tidy_up()
        assert list(tmp_path.iterdir()) == []
    assert directories == [1, 1, 0]


def growth_bytes() -> int:
    """How much this process grows over 60 documents with fonts of their own."""
    engine = Engine(ask_nobody)
    engine.warm_up()
    own = ProcessUse(os.getpid())

    def render(times: int) -> int:
        for _ in range(times):
            engine.render("html", (FACE + SMALL).encode(), {}, lambda step: None, FILES)
            engine.tidy_up()
        use = own.read()
        return use.resident_bytes if use else 0

    return -render(15) + render(60)


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_documents_with_their_own_fonts_do_not_leak_memory() -> None:
    # In a process of its own: memory that earlier tests have freed would hide a leak.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        assert process.submit(growth_bytes).result() < 4 * MIB  # one leaked configuration has 0.2 MiB
