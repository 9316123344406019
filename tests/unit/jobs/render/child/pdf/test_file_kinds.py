from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from jobs.render.child.pdf.file_kinds import other_kind
from testsupport import pdfs


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, kind)
    return file.getvalue()


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 100)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (picture("png"), "a PNG picture"),
        (picture("jpeg"), "a JPEG picture"),
        (picture("gif"), "a GIF picture"),
        (picture("tiff"), "a TIFF picture"),
        (picture("webp"), "a WebP picture"),
        (zipped("[Content_Types].xml", "word/document.xml"), "a Word document"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook"),
        (zipped("ppt/presentation.xml"), "a PowerPoint presentation"),
        (zipped("invoice.pdf"), "a zip file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "a Word, Excel or PowerPoint file of before 2007"),
        (rb"{\rtf1\ansi x}", "a Rich Text document"),
        (b"%!PS-Adobe-3.0", "a PostScript file"),
        (b"\xef\xbb\xbf\n<!DOCTYPE HTML><p>x", "an HTML document"),
        (b"<html><p>x", "an HTML document"),
        (b"<?xml version='1.0'?><svg/>", "an SVG picture"),
        (b"<?xml version='1.0'?><Invoice/>", "an XML file"),
        (b'{"a": 1}', "a text file"),
        ("ä".encode() * 1000, "a text file"),
        (b"a" + "ä".encode() * 1000, "a text file"),
        (b"", "empty"),
        (pdfs.pages("x"), None),
        (b"mail header: x\r\n" + pdfs.pages("x"), None),
        (b"\xe4\x00\xff" * 500, None),
        (b"text\x00", None),
    ],
)
def test_a_file_that_is_no_pdf_is_called_what_it_is(content: bytes, kind: str | None) -> None:
    assert other_kind(content) == kind
