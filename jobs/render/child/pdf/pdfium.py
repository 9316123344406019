"""Opens PDFs with PDFium, which draws pages and reads their text."""

from __future__ import annotations

import pypdfium2

from jobs.render.child.pdf.source_pdf import encrypted, refuse_what_is_not_whole

_ERROR_PASSWORD = 4


def open_with_pdfium(pdf: bytes, name: str) -> pypdfium2.PdfDocument:
    """Returns the document. `name` is what errors call it.

    Raises:
        PdfUnreadable: it is cut off, or no PDF at all.
        PdfEncrypted: it needs a password.
        pypdfium2.PdfiumError: PDFium cannot read it.
    """
    refuse_what_is_not_whole(pdf, name)
    try:
        return pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError as error:
        if error.err_code == _ERROR_PASSWORD:
            raise encrypted(name) from error
        raise
