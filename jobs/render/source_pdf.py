"""A PDF from outside, opened in a render child (pikepdf): the one place that says what is wrong with it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pikepdf

from jobs.errors import JobError, PageOutOfRange, PdfEncrypted, PdfUnreadable, RenderOutOfMemory
from jobs.render.page_ranges import BeyondLastPage

_TAIL_BYTES = 1024
"""Readers look for the end of a PDF in its last 1024 bytes (ISO 32000-1, annex H, note 18)."""


@contextmanager
def explaining(name: str) -> Iterator[None]:
    """Turns whatever a PDF makes of those who read it into an error of the job; `name` begins a sentence: "Part 2".

    Raises:
        PdfUnreadable, PdfEncrypted, PageOutOfRange, RenderOutOfMemory
    """
    try:
        yield
    except JobError:
        raise
    except BeyondLastPage as error:
        raise PageOutOfRange(f"{name} is shorter than asked for: {error}.") from error
    except pikepdf.PasswordError as error:
        raise encrypted(name) from error
    except MemoryError as error:
        raise RenderOutOfMemory(f"{name} needs more memory than allowed.") from error
    except Exception as error:
        reason = re.sub(r"\s+", " ", str(error))[:200]
        raise unreadable(name, reason or type(error).__name__) from error


def open_whole(content: bytes, name: str) -> tuple[pikepdf.Pdf, bool]:
    """The PDF, and whether it had to be repaired. To be called within `explaining`.

    A file whose end is missing is refused even where parts of it could be saved: pages would be lost without a word.
    """
    if b"startxref" not in content[-_TAIL_BYTES:] and b"%%EOF" not in content[-_TAIL_BYTES:]:
        raise unreadable(name, "its end is missing")
    try:
        pdf, repaired = _opened(content, attempt_recovery=False), False
    except pikepdf.PasswordError:
        raise
    except pikepdf.PdfError:
        pdf, repaired = _opened(content, attempt_recovery=True), True
    if pdf.is_encrypted:
        raise encrypted(name)
    if not len(pdf.pages):
        raise unreadable(name, "it has no pages")
    return pdf, repaired


def _opened(content: bytes, *, attempt_recovery: bool) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(content), attempt_recovery=attempt_recovery, suppress_warnings=True)


def encrypted(name: str) -> PdfEncrypted:
    return PdfEncrypted(
        f"{name} is encrypted. Take the PDF from before its encryption: what this job makes can be encrypted instead."
    )


def unreadable(name: str, reason: str) -> PdfUnreadable:
    return PdfUnreadable(f"{name} is not a PDF that can be read: {reason}.")
