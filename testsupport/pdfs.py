"""Makes PDFs: good ones and hostile ones."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence

import pikepdf
from pikepdf import Array, Dictionary, Name, OutlineItem, Stream

MIB = 1024**2


def pages(*texts: str, size: tuple[float, float] = (200, 100), bookmarks: bool = False) -> bytes:
    """A PDF with a page for each text; each page has a link to the next."""
    with pikepdf.new() as pdf:
        font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
        for text in texts:
            page = pdf.add_blank_page(page_size=size)
            page.Resources = Dictionary(Font=Dictionary(F1=font))
            page.Contents = Stream(pdf, f"BT /F1 20 Tf 10 40 Td ({text}) Tj ET".encode())
        for at, page in enumerate(pdf.pages):
            target = Array([pdf.pages[(at + 1) % len(texts)].obj, Name.Fit])
            link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=[0, 0, 9, 9], Dest=target)
            page.Annots = Array([pdf.make_indirect(link)])
        if bookmarks:
            with pdf.open_outline() as outline:
                outline.root.extend(OutlineItem(text, at) for at, text in enumerate(texts))
        return saved(pdf)


def saved(pdf: pikepdf.Pdf, **how: object) -> bytes:
    file = io.BytesIO()
    pdf.save(file, **how)  # type: ignore[arg-type]
    return file.getvalue()


def encrypted(user_password: str) -> bytes:
    with pikepdf.open(io.BytesIO(pages("secret"))) as pdf:
        return saved(pdf, encryption=pikepdf.Encryption(owner="owner", user=user_password))


def truncated() -> bytes:
    content = pages("one", "two", "three")
    return content[: len(content) // 2]


def raw(objects: Sequence[bytes], trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of these objects, numbered from 1, with a correct cross-reference table."""
    body, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
        + b"trailer << %s /Size %d >>\nstartxref\n%d\n%%%%EOF\n" % (trailer, size, len(body))
    )


def cyclic_pages() -> bytes:
    """The page tree contains itself."""
    return raw([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"])


def cyclic_outline() -> bytes:
    """Two bookmarks are each the next one and the child of the other."""
    return raw(
        [
            b"<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /Resources << >> /MediaBox [0 0 200 100] >>",
            b"<< /Type /Outlines /First 5 0 R /Last 6 0 R /Count 2 >>",
            b"<< /Title (a) /Parent 4 0 R /Next 6 0 R /First 6 0 R /Last 6 0 R /Dest [3 0 R /Fit] >>",
            b"<< /Title (b) /Parent 4 0 R /Next 5 0 R /First 5 0 R /Last 5 0 R /Dest [3 0 R /Fit] >>",
        ]
    )


def huge_page() -> bytes:
    return raw(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /Resources << >> /MediaBox [0 0 1000000 1000000] >>",
        ]
    )


def endless_strip() -> bytes:
    """One point wide and a million points high."""
    return huge_page().replace(b"[0 0 1000000 1000000]", b"[0 0 0000001 1000000]")


def content_bomb(size: int = 2048 * MIB) -> bytes:
    """The content of its page unpacks to gigabytes."""
    data = deflated(size)
    return raw(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /Resources << >> /MediaBox [0 0 200 100] /Contents 4 0 R >>",
            b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(data), data),
        ]
    )


def object_bomb(size: int = 2048 * MIB) -> bytes:
    """Its cross-reference table is a stream that unpacks to gigabytes."""
    data = deflated(size)
    stream = b"<< /Type /XRef /Size 10 /W [1 4 2] /Root 1 0 R /Filter /FlateDecode /Length %d >>" % len(data)
    body = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    return body + b"3 0 obj\n%s\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
        stream,
        data,
        len(body),
    )


def deflated(size: int) -> bytes:
    """At least `size` zeros, deflated (RFC 1950, 1951).

    It repeats one compressed block, which ends on a byte.
    """
    zeros, count = bytes(MIB), -(-size // MIB)
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = count * MIB % 65521 << 16 | 1  # Adler-32 of zeros
    return b"\x78\xda" + block * count + b"\x03\x00" + checksum.to_bytes(4, "big")


def text_bomb(levels: int = 12) -> bytes:
    """Each drawing draws the next one ten times, and the last one draws a text."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Resources << /XObject << /X 5 0 R >> >> "
        b"/Contents 4 0 R >>",
        b"<< /Length 5 >>\nstream\n/X Do\nendstream",
    ]
    font = b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    for level in range(levels):
        is_last = level == levels - 1
        content = b"BT /F1 9 Tf 10 10 Td (%s) Tj ET" % (b"x" * 1000) if is_last else b"/X Do " * 10
        resources = font if is_last else b"<< /XObject << /X %d 0 R >> >>" % (level + 6)
        head = b"<< /Type /XObject /Subtype /Form /BBox [0 0 200 100] /Resources %s /Length %d >>"
        objects.append(head % (resources, len(content)) + b"\nstream\n%s\nendstream" % content)
    return raw(objects)
