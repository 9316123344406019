"""Header, trailer, encryption, filters and other parts of the file itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pikepdf import Dictionary

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.objects import items, member, name, words
from jobs.render.child.pdf.conformance.variants import Variant

_FILTERS = words(
    "ASCIIHexDecode ASCII85Decode FlateDecode RunLengthDecode CCITTFaxDecode JBIG2Decode DCTDecode JPXDecode"
)
_INLINE_FILTERS = _FILTERS | {"AHx", "A85", "Fl", "RL", "CCF", "DCT"}
_EXTRACT_FOR_ACCESSIBILITY = 1 << 9
"""Bit 10 of the permissions (ISO 32000-1, table 22)."""


@check({"PDF/A-1": "6.1.2", "PDF/A-2": "6.1.2", "PDF/A-3": "6.1.2", "PDF/A-4": "6.1.2", "PDF/UA-1": "6.1"})
def header(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """The file begins with `%PDF-1.n` (part 4: `%PDF-2.n`) and a comment of four bytes above 127.

    PDF/UA-1 asks for the version alone.
    """
    version = "2" if variant.standard == "PDF/A-4" else "1"
    expected = (
        rb"%PDF-(\d\.\d)" if variant.standard == "PDF/A-1" else rb"%%PDF-(%s\.\d)[\r\n]" % version.encode()
    )
    if not re.match(expected, file.data):
        yield Problem(f"the file does not begin with %PDF-{version}.n")
    elif variant.is_archive and not re.match(rb"%PDF-\d\.\d[^\r\n]*(\r\n|\r|\n)%[\x80-\xff]{4}", file.data):
        yield Problem("the second line of the file is no comment of four bytes above 127")


@check({"PDF/A-4": "6.1.12"})
def catalog_version(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """A version in the catalog is 2.n."""
    version = file.root.get("/Version")
    if version is not None and not re.fullmatch(r"2\.\d", name(version)):
        yield Problem("the catalog says that the PDF has a version other than 2.n")


@check({"PDF/A-1": "6.1.3", "PDF/A-2": "6.1.3", "PDF/A-3": "6.1.3", "PDF/A-4": "6.1.3"})
def trailer(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """The trailer has an identifier, nothing is encrypted, and nothing follows the end.

    In part 4, the trailer has no information dictionary.
    """
    if not items(file.document.trailer.get("/ID")):
        yield Problem("the trailer has no file identifier (ID)")
    if file.document.is_encrypted:
        yield Problem("the file is encrypted")
    if file.data.rpartition(b"%%EOF")[2] not in (b"", b"\n", b"\r", b"\r\n"):
        yield Problem("data follows the end of the file")
    if variant.standard == "PDF/A-4" and "/Info" in file.document.trailer:
        info = file.document.trailer.get("/Info")
        if "/PieceInfo" not in file.root:
            yield Problem("the trailer has an information dictionary (Info)")
        elif isinstance(info, Dictionary) and set(info.keys()) != {"/ModDate"}:
            yield Problem("the information dictionary has more than the date of the last change")


@check({"PDF/A-1": "6.1.4"})
def cross_reference_table(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """The file has a cross-reference table instead of a stream."""
    starts = re.findall(rb"startxref\s+(\d+)", file.data)
    if any(not file.data[int(start) :].lstrip().startswith(b"xref") for start in starts if int(start)):
        yield Problem("the file has a cross-reference stream, which PDF 1.4 does not know")


@check(
    {
        "PDF/A-1": "6.1.10",
        "PDF/A-2": "6.1.7.2",
        "PDF/A-3": "6.1.7.2",
        "PDF/A-4": "6.1.6.2",
    }
)
def filters(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """No stream is compressed with LZW; from part 2 on, only standard filters but `Crypt` are used.

    For inline images, this is 6.1.10 of parts 2 and 3, and 6.1.9 of part 4.
    """
    streams = ((stream.stream_dict.get("/Filter"), _FILTERS) for stream in file.streams())
    inline = (
        (image.get("/F", image.get("/Filter")), _INLINE_FILTERS) for image, _ in file.contents.inline_images
    )
    for used, allowed in (*streams, *inline):
        for each in items(used):
            if name(each) in ("LZWDecode", "LZW"):
                yield Problem("a stream is compressed with LZW")
            elif name(each) not in allowed and variant.standard != "PDF/A-1":
                yield Problem(f"a stream has the filter {name(each)}")


@check({"PDF/A-1": "6.1.7", "PDF/A-2": "6.1.7.1", "PDF/A-3": "6.1.7.1", "PDF/A-4": "6.1.6.1"})
def external_streams(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """The data of every stream is in the file."""
    for stream in file.streams():
        if any(key in stream.stream_dict for key in ("/F", "/FFilter", "/FDecodeParms")):
            yield Problem("the data of a stream is in another file")


@check({"PDF/A-1": "6.1.13"})
def no_layers(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """The file has no optional content."""
    if "/OCProperties" in file.root:
        yield Problem("the file has layers (optional content)")


@check({"PDF/A-2": "6.9", "PDF/A-3": "6.9", "PDF/A-4": "6.10", "PDF/UA-1": "7.10", "PDF/UA-2": "8.7"})
def layers(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Configurations of optional content have names, each another one, and no `AS`."""
    properties = file.root.get("/OCProperties")
    configurations = [
        each
        for each in (member(properties, "/D"), *items(member(properties, "/Configs")))
        if isinstance(each, Dictionary)
    ]
    names = [str(each.get("/Name", "")) for each in configurations]
    unnamed = [each for each in configurations if not str(each.get("/Name", ""))]
    if variant.standard == "PDF/A-4":
        unnamed = [each for each in unnamed if "/Name" not in each]
    if unnamed and not (variant.standard == "PDF/UA-2" and len(names) == 1):
        yield Problem("a configuration of layers has no name")
    if variant.is_archive and len(set(names)) < len(names):
        yield Problem("two configurations of layers have the same name")
    if variant.standard != "PDF/A-4" and any("/AS" in each for each in configurations):
        yield Problem("a configuration of layers switches them by itself (AS)")


@check({"PDF/A-2": "6.10", "PDF/A-3": "6.10", "PDF/A-4": "6.11"})
def presentations(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """There are no alternate presentations and no presentation steps."""
    if member(file.root, "/Names", "/AlternatePresentations") is not None:
        yield Problem("the file has alternate presentations")
    if any("/PresSteps" in page.obj for page in file.document.pages):
        yield Problem("a page has presentation steps")


@check({"PDF/A-2": "6.11", "PDF/A-3": "6.11", "PDF/A-4": "6.12"})
def requirements(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """The catalog names no requirements of readers."""
    if "/Requirements" in file.root:
        yield Problem("the catalog has requirements of readers")


@check({"PDF/UA-1": "7.16"})
def readable_for_assistive_technology(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """An encrypted file lets assistive technology read it: Matterhorn 26-001 and 26-002."""
    encryption: Any = file.document.trailer.get("/Encrypt")
    if encryption is not None:
        permissions = member(encryption, "/P")
        if not isinstance(permissions, int) or not permissions & _EXTRACT_FOR_ACCESSIBILITY:
            yield Problem("the encryption keeps assistive technology from reading the text")


CHECKS: tuple[Check, ...] = (
    header,
    catalog_version,
    trailer,
    cross_reference_table,
    filters,
    external_streams,
    no_layers,
    layers,
    presentations,
    requirements,
    readable_for_assistive_technology,
)
