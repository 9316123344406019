"""Draws pages of a PDF as pictures (PDFium)."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pypdfium2
from PIL import Image

from jobs.core.errors.job import ResultTooLarge
from jobs.render.child.pdf.pdfium import open_with_pdfium
from jobs.render.child.pdf.source_pdf import explaining, unreadable
from jobs.render.child.pdf.zipping import zipped
from jobs.render.protocol.limits import DEFAULT_PREVIEW_WIDTH, MAX_PREVIEW_PAGES, MAX_PREVIEW_PIXELS
from jobs.render.protocol.messages import MediaType
from jobs.render.protocol.page_ranges import resolve

Advance = Callable[[int, int], None]
"""Takes how many pictures are done, and how many there are in all."""

_NAME = "The file"
_POINTS_PER_INCH = 72
_SAVE: Mapping[str, Mapping[str, Any]] = {
    "png": {"format": "PNG", "optimize": False, "compress_level": 6},
    "webp": {"format": "WEBP", "quality": 85, "method": 4},
}
_MEDIA_TYPES: Mapping[str, MediaType] = {"png": "image/png", "webp": "image/webp"}


@dataclass(frozen=True, slots=True)
class Pictures:
    body: bytes
    content_type: MediaType
    pages: int


def draw(pdf: bytes, options: Mapping[str, Any], advance: Advance) -> Pictures:
    """Returns one page as a picture, or several pages as a zip of pictures.

    Raises:
        JobError: the PDF cannot be read or does not have a page that was asked for, or the pictures
            would be too large.
    """
    format = options.get("format", "png")
    with explaining(_NAME):
        document = _opened(pdf)
        wanted = _wanted(options.get("pages", "1"), len(document))
        pictures = {}
        for done, number in enumerate(wanted, start=1):
            pictures[f"page-{number + 1:03}.{format}"] = _encoded(_drawn(document, number, options), format)
            advance(done, len(wanted))
        document.close()
    if len(pictures) == 1:
        (picture,) = pictures.values()
        return Pictures(picture, _MEDIA_TYPES[format], 1)
    return Pictures(zipped(pictures), "application/zip", len(pictures))


def _opened(pdf: bytes) -> pypdfium2.PdfDocument:
    document = open_with_pdfium(pdf, _NAME)
    document.init_forms()  # draws the values of form fields, too
    return document


def _wanted(pages: str, count: int) -> list[int]:
    """Returns each page once, in order."""
    wanted = sorted(set(resolve(pages, count)))
    if len(wanted) > MAX_PREVIEW_PAGES:
        raise ResultTooLarge(
            f"These are {len(wanted)} pages, and one job draws at most {MAX_PREVIEW_PAGES}. Ask for fewer of them."
        )
    return wanted


def _drawn(document: pypdfium2.PdfDocument, number: int, options: Mapping[str, Any]) -> Image.Image:
    page = document[number]
    width, height = page.get_size()
    if not (math.isfinite(width) and math.isfinite(height) and width > 0 and height > 0):
        raise unreadable(_NAME, f"page {number + 1} has no size")
    dpi = options.get("dpi")
    scale = dpi / _POINTS_PER_INCH if dpi else options.get("width", DEFAULT_PREVIEW_WIDTH) / width
    if math.ceil(width * scale) * math.ceil(height * scale) > MAX_PREVIEW_PIXELS:
        raise ResultTooLarge(
            f"Page {number + 1} is {width:.0f} by {height:.0f} points, and its picture would have more than "
            f"{MAX_PREVIEW_PIXELS:,} pixels. Ask for a smaller width or dpi."
        )
    bitmap = page.render(scale=scale, rev_byteorder=True)
    picture: Image.Image = bitmap.to_pil()
    page.close()
    return picture


def _encoded(picture: Image.Image, format: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, **_SAVE[format])
    return file.getvalue()
