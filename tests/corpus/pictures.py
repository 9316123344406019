"""Draws pages of the corpus beside what Chromium prints of the same document."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
from PIL import Image, ImageDraw
from playwright.async_api import Browser

from jobs.render.child.markdown import conversion as markdown
from tests.corpus.page import CorpusPage

_MARGIN = "75px"  # WeasyPrint's default for pages that set none
_PAGE_PIXELS = 620
_MAX_PAGES = 3
_GAP = 16


async def print_in_chromium(page: CorpusPage, browser: Browser) -> bytes:
    """Returns Chromium's PDF of the document, on A4 unless it says otherwise."""
    with tempfile.TemporaryDirectory() as directory:
        document = page.document
        if page.format == "markdown":  # what Pressrun makes of it
            html = markdown.to_html(document.read_text("utf-8"), lambda code, message: None)
            base = f"<base href='{document.parent.as_uri()}/'>"
            document = Path(directory, "page.html")
            document.write_text(f"{base}{html}<style>{markdown.stylesheet()}</style>", "utf-8")
        tab = await browser.new_page()
        try:
            await tab.goto(document.as_uri())
            return await tab.pdf(
                format="A4",
                margin=dict.fromkeys(("top", "right", "bottom", "left"), _MARGIN),
                prefer_css_page_size=True,
                print_background=True,
            )
        finally:
            await tab.close()


def side_by_side(ours: bytes, chromium: bytes) -> Image.Image:
    """Returns one picture: the first pages of `ours` on the left, of `chromium` on the right."""
    columns = [list(_pages(pdf)) for pdf in (ours, chromium)]
    rows = max(map(len, columns))
    heights = [max(column[row].height for column in columns if row < len(column)) for row in range(rows)]
    width = 2 * _PAGE_PIXELS + 3 * _GAP
    sheet = Image.new("RGB", (width, sum(heights) + (rows + 1) * _GAP), "gray")
    for number, column in enumerate(columns):
        top = _GAP
        for drawn, height in zip(column, heights, strict=False):
            sheet.paste(drawn, (_GAP + number * (_PAGE_PIXELS + _GAP), top))
            top += height + _GAP
    return sheet


def _pages(pdf: bytes) -> Iterator[Image.Image]:
    document = pypdfium2.PdfDocument(pdf)  # type: ignore[no-untyped-call]
    document.init_forms()
    for number in range(min(len(document), _MAX_PAGES)):
        page = document[number]
        drawn = page.render(scale=_PAGE_PIXELS / page.get_width()).to_pil().convert("RGB")
        ImageDraw.Draw(drawn).text((4, 4), f"{number + 1} of {len(document)}", fill="gray")
        yield drawn
