"""Makes drawings for PDFs out of HTML (WeasyPrint): a form XObject for each box of text."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pikepdf
import weasyprint
from pikepdf import Object

LayOut = Callable[[str], weasyprint.Document]
"""Lays out HTML that Pressrun has made."""

_LOGGER = logging.getLogger("weasyprint")


def upper_left(
    document: pikepdf.Pdf, page: pikepdf.Page, height: float, page_height: float
) -> tuple[bytes, Object]:
    """Returns content and resources of what a page has at its upper left, moved to the origin.

    `page` is of a PDF by WeasyPrint, and is `page_height` high. Sizes are in points.
    """
    content = page.obj.Contents.read_bytes()
    # All pages have the same resources: one indirect object, which is copied once.
    resources = document.copy_foreign(page.obj.Resources)
    return f"1 0 0 1 0 {height - page_height:.3f} cm\n".encode() + content, resources


@contextmanager
def missing_characters() -> Iterator[set[str]]:
    """Collects the characters for which WeasyPrint draws nothing, because no font has them."""
    missing: set[str] = set()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if str(record.msg).startswith(".notdef glyph rendered") and isinstance(record.args, tuple):
                missing.add(str(record.args[0]))

    collector = Collector(logging.WARNING)
    _LOGGER.addHandler(collector)
    try:
        yield missing
    finally:
        _LOGGER.removeHandler(collector)


def named(characters: set[str]) -> str:
    """Lists characters with their code points, for messages."""
    return ", ".join(f"{letter} (U+{ord(letter):04X})" for letter in sorted(characters)[:10])
