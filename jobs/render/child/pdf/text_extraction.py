"""Reads the text of a PDF (PDFium), and the values of its form (pikepdf)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pypdfium2

from jobs.core.errors.job import JobError, PdfEncrypted, ResultTooLarge
from jobs.render.child.pdf.forms.fields import FormField, read_fields
from jobs.render.child.pdf.pdfium import open_with_pdfium
from jobs.render.child.pdf.source_pdf import explaining, open_whole
from jobs.render.protocol.limits import MAX_EXTRACTED_CHARACTERS
from jobs.render.protocol.messages import MediaType
from jobs.render.protocol.page_ranges import resolve
from jobs.render.protocol.warning_codes import WarningCode

Warn = Callable[[WarningCode, str], None]
"""Takes a code and a message."""
Advance = Callable[[int, int], None]
"""Takes how many pages have been read, and how many there are in all."""

_NAME = "The file"
_raw: Any = pypdfium2.raw
"""PDFium's own functions, which have no types."""
_MAY_COPY = 1 << 4
"""Permission to take text out (ISO 32000-2, table 22, bit 5)."""
_MAX_PAGES_NAMED = 10
_HYPHEN_AT_LINE_END = re.compile("[\ufffe\x02]")
"""What PDFium writes for a hyphen at the end of a line."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Extracted:
    body: bytes
    content_type: MediaType
    pages: int


def extract(
    pdf: bytes,
    options: Mapping[str, Any],
    *,
    warn: Warn,
    advance: Advance,
    max_characters: int = MAX_EXTRACTED_CHARACTERS,
) -> Extracted:
    """Returns the text of the pages, in their order.

    Raises:
        JobError: the PDF cannot be read, forbids that its text is taken out, or does not have a
            page that was asked for, or there is too much text.
    """
    with explaining(_NAME):
        document = _opened(pdf)
        count = len(document)
        wanted = sorted(set(resolve(options.get("pages", "1-"), count)))
        texts, empty = [], []
        characters = 0
        for done, number in enumerate(wanted, start=1):
            text, has_content = _text_of(document, number)
            characters += len(text)
            if characters > max_characters:
                raise ResultTooLarge(
                    f"The text has more than {max_characters:,} characters. Ask for fewer pages."
                )
            texts.append(text)
            if has_content and not text.strip():
                empty.append(number + 1)
            advance(done, len(wanted))
        document.close()
    if empty:
        warn("text_missing", _about(empty))
    if options.get("format") != "json":
        return Extracted("".join(f"{text}\f" for text in texts).encode(), "text/plain", len(wanted))
    read = [{"page": number + 1, "text": text} for number, text in zip(wanted, texts, strict=True)]
    found = {"page_count": count, "pages": read, "fields": _fields(pdf, warn)}
    return Extracted(json.dumps(found, ensure_ascii=False).encode(), "application/json", len(wanted))


def _opened(pdf: bytes) -> pypdfium2.PdfDocument:
    document = open_with_pdfium(pdf, _NAME)
    if not _raw.FPDF_GetDocPermissions(document) & _MAY_COPY:
        raise PdfEncrypted(
            f"{_NAME} forbids that its text is taken out. Give the PDF from before its encryption."
        )
    return document


def _text_of(document: pypdfium2.PdfDocument, number: int) -> tuple[str, bool]:
    """Returns the text of a page, and whether the page shows anything."""
    page = document[number]
    read = page.get_textpage()
    text = _HYPHEN_AT_LINE_END.sub("-", read.get_text_range().replace("\r\n", "\n"))
    has_content = _raw.FPDFPage_CountObjects(page) > 0
    read.close()
    page.close()
    return _CONTROLS.sub("", text), has_content


def _about(pages: list[int]) -> str:
    more = len(pages) - _MAX_PAGES_NAMED
    named = ", ".join(map(str, pages[:_MAX_PAGES_NAMED])) + (f" and {more} more" if more > 0 else "")
    are = "Page {} has no text, but shows" if len(pages) == 1 else "Pages {} have no text, but show"
    return f"{are.format(named)} something: it may be scanned. Recognise the text in it (OCR) first."


def _fields(pdf: bytes, warn: Warn) -> list[dict[str, Any]]:
    """Returns the fields of the form, as far as they can be read."""
    try:
        with explaining(_NAME):
            document, _ = open_whole(pdf, _NAME, keeps_permissions=True)
            with document:
                return [_described(field) for field in read_fields(document).values()]
    except JobError as error:
        warn("form_unreadable", f"The form is left out: {error.message}")
        return []


def _described(field: FormField) -> dict[str, Any]:
    texts = field.texts()
    described: dict[str, Any] = {"name": field.name, "type": field.type}
    described["value"] = texts if field.takes_several else (texts[0] if texts else None)
    if field.options:
        described["options"] = [{"value": option.value, "text": option.shown} for option in field.options]
    if field.max_length is not None:
        described["max_length"] = field.max_length
    return described
