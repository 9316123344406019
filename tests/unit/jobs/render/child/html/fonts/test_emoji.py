"""Text is drawn in text fonts, and emojis in an emoji font (Noto Color Emoji, of Aptfile)."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator

import pypdfium2
import pytest
import weasyprint
from pypdfium2 import raw

from jobs.render.child.html.fetcher import DocumentFetcher, ask_nobody
from jobs.render.child.html.fonts.configuration import Fonts
from testsupport.own_font import own_font

BOOTSTRAP = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, '
    'sans-serif, "Apple Color Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Noto Color Emoji"'
)
TAILWIND = (
    "ui-sans-serif, system-ui, sans-serif, "
    '"Apple Color Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Noto Color Emoji"'
)
GITHUB = (
    '-apple-system, BlinkMacSystemFont, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif, '
    '"Apple Color Emoji", "Segoe UI Emoji"'
)
STACKS = {
    "Bootstrap": BOOTSTRAP,
    "Tailwind": TAILWIND,
    "GitHub": GITHUB,
    "one font": 'Arial, "Noto Color Emoji"',
    "a generic family": 'serif, "Noto Color Emoji"',
    "nothing installed": '"Segoe UI", "Apple Color Emoji"',
    "a fixed width": 'ui-monospace, SFMono-Regular, "Noto Color Emoji"',
}
TEXT = "0 1 2 3 4 5 6 7 8 9 # * © ® ™ a"
KEYCAPS = "0️⃣1️⃣9️⃣#️⃣*️⃣"
EMOJIS = f"😀❤️🇩🇪👩‍🚀©️{KEYCAPS}"
EMOJI = "NotoColorEmoji"


@pytest.fixture(scope="module")
def fonts() -> Fonts:
    return Fonts()


@pytest.fixture(autouse=True)
def tidy(fonts: Fonts) -> Iterator[None]:
    yield
    gc.collect()
    fonts.tidy_up()


def fonts_of(fonts: Fonts, html: str, files: dict[str, bytes] | None = None) -> dict[str, set[str]]:
    """The fonts in which each character was drawn."""
    fetcher = DocumentFetcher(ask_nobody, files)
    html = f"<meta charset=utf-8>{html}"
    document = weasyprint.HTML(string=html, base_url=fetcher.base_url, url_fetcher=fetcher)
    page = pypdfium2.PdfDocument(document.write_pdf(font_config=fonts))[0].get_textpage()
    found: dict[str, set[str]] = {}
    for index in range(page.count_chars()):
        if character := page.get_text_range(index, 1).strip():
            found.setdefault(character, set()).add(_font_of(page, index))
    return found


def _font_of(page: pypdfium2.PdfTextPage, index: int) -> str:
    name = ctypes.create_string_buffer(200)
    raw.FPDFText_GetFontInfo(page, index, name, len(name), ctypes.c_int())
    return name.value.decode().rpartition("+")[2].replace("-", "")


@pytest.mark.parametrize("stack", STACKS)
def test_digits_and_signs_are_drawn_in_the_font_of_the_text(fonts: Fonts, stack: str) -> None:
    found = fonts_of(fonts, f"<p style='font-family: {STACKS[stack]}'>{TEXT}")
    assert set(found) == set(TEXT.replace(" ", ""))
    assert len({frozenset(each) for each in found.values()}) == 1
    assert found["0"] != {EMOJI}


@pytest.mark.parametrize("order", [[EMOJIS, TEXT, EMOJIS], [TEXT, EMOJIS, TEXT]])
def test_emojis_are_drawn_in_the_emoji_font_and_text_is_not_in_any_order(order: list[str]) -> None:
    fonts = Fonts()
    for text in order:
        used = set().union(*fonts_of(fonts, f"<p style='font-family: {BOOTSTRAP}'>{text}").values())
        assert (used == {EMOJI}) if text == EMOJIS else (EMOJI not in used)


def test_a_document_that_names_the_emoji_font_first_gets_its_digits(fonts: Fonts) -> None:
    found = fonts_of(fonts, "<p style='font-family: \"Noto Color Emoji\", serif'>1 2")
    assert found == {"1": {EMOJI}, "2": {EMOJI}}


@pytest.mark.parametrize("ranges", ["", "unicode-range: U+23-39, U+20E3"])
def test_an_emoji_font_that_a_document_brings_takes_no_digits_of_text(fonts: Fonts, ranges: str) -> None:
    emojis = own_font(900, characters=[0x23, *range(0x30, 0x3A), 0x20E3])
    face = f"<style>@font-face {{ font-family: own; src: url(own.ttf); {ranges} }}</style>"
    found = fonts_of(fonts, f"{face}<p style='font-family: \"Segoe UI\", own'>1#2", {"own.ttf": emojis})
    assert "own" not in set().union(*found.values())


def test_a_font_with_digits_alone_keeps_them(fonts: Fonts) -> None:
    digits = own_font(900, characters=range(0x30, 0x3A))
    face = "<style>@font-face { font-family: own; src: url(own.ttf) }</style>"
    found = fonts_of(fonts, f"{face}<p style='font-family: \"Segoe UI\", own'>12", {"own.ttf": digits})
    assert found == {"1": {"own"}, "2": {"own"}}
