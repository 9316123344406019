"""Opens PDFs that were not made here, and explains what is wrong with them (pikepdf)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pikepdf

from jobs.core.errors.job import JobError, PageOutOfRange, PdfEncrypted, PdfUnreadable, RenderOutOfMemory
from jobs.render.child.pdf.file_kinds import EMPTY, TEXT, other_kind
from jobs.render.protocol.page_ranges import BeyondLastPage

_LIBRARIES = ("pikepdf", "pypdfium2")
"""Their errors are about the PDF; those of Python, such as a KeyError, tell nobody anything."""
_TAIL_BYTES = 1024
"""Readers look for the end of a PDF in its last 1024 bytes (ISO 32000-1, annex H, note 18)."""


@contextmanager
def explaining(name: str) -> Iterator[None]:
    """Turns any error that a PDF causes inside into an error of the job.

    `name` begins the sentence: "Part 2".

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
        raise unreadable(name, _reason(error)) from error


def open_whole(content: bytes, name: str, *, keeps_permissions: bool = False) -> tuple[pikepdf.Pdf, bool]:
    """Returns the PDF, and whether it had to be repaired. Call it within `explaining`.

    Raises:
        PdfEncrypted: also if it opens without a password, unless the caller `keeps_permissions`:
            they would be lost.
    """
    refuse_what_is_not_whole(content, name)
    try:
        pdf, repaired = _opened(content, attempt_recovery=False), False
    except pikepdf.PasswordError:
        raise
    except pikepdf.PdfError:
        pdf, repaired = _opened(content, attempt_recovery=True), True
    if pdf.is_encrypted and not keeps_permissions:
        raise encrypted(name)
    if not len(pdf.pages):
        raise unreadable(name, "it has no pages")
    return pdf, repaired


def refuse_what_is_not_whole(content: bytes, name: str) -> None:
    """Refuses files of another kind, and a file that was cut short.

    Repairing the latter could lose pages unnoticed.
    """
    tail = content[-_TAIL_BYTES:]
    has_end = b"startxref" in tail or b"%%EOF" in tail
    kind = other_kind(content)
    if kind is not None and not (kind == TEXT and has_end):  # a long text may stand before a PDF
        advice = "Send it again" if kind == EMPTY else "Make a PDF of it first"
        raise PdfUnreadable(f"{name} is {kind}, not a PDF. {advice}.")
    if not has_end:
        raise unreadable(name, "its end is missing")


def _opened(content: bytes, *, attempt_recovery: bool) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(content), attempt_recovery=attempt_recovery, suppress_warnings=True)


def encrypted(name: str) -> PdfEncrypted:
    return PdfEncrypted(f"{name} is encrypted. Give the PDF from before its encryption.")


def unreadable(name: str, reason: str) -> PdfUnreadable:
    return PdfUnreadable(f"{name} is not a PDF that can be read: {reason}.")


def _reason(error: Exception) -> str:
    """Returns the library's message without the memory address of the file, or plain words."""
    if type(error).__module__.partition(".")[0] not in _LIBRARIES:
        return "it is damaged"
    text = re.sub(r"\s+", " ", re.sub(r"(stream )?<_io\.BytesIO object at \w+>:? ?", "", str(error)))
    return text.strip(" .")[:200] or "it is damaged"
