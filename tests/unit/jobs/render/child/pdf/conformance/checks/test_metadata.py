from __future__ import annotations

import io
from typing import Any

import pikepdf
from pikepdf import Name, Stream

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import metadata
from testsupport.conforming import Change, cases, problems


def _edit(pdf: Any, old: bytes, new: bytes) -> None:
    text = pdf.Root.Metadata.read_bytes()
    assert old in text
    pdf.Root.Metadata = Stream(pdf, text.replace(old, new), Type=Name.Metadata, Subtype=Name.XML)


def saved(pdf: Any) -> bytes:
    file = io.BytesIO()
    pdf.save(
        file,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
        compress_streams=False,
        fix_metadata_version=False,
    )
    return file.getvalue()


def no_metadata(pdf: Any) -> None:
    del pdf.Root[Name.Metadata]


def damaged(pdf: Any) -> None:
    _edit(pdf, b"</rdf:RDF>", b"")


def with_doctype(pdf: Any) -> None:
    _edit(pdf, b"<x:xmpmeta", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x:xmpmeta")


def other_part(pdf: Any) -> None:
    _edit(pdf, b'id:part="', b'id:part="9')


def no_part(pdf: Any) -> None:
    _edit(pdf, b"id:part=", b"id:odd=")


def other_title(pdf: Any) -> None:
    pdf.docinfo["/Title"] = "Other"


def two_authors(pdf: Any) -> None:
    _edit(pdf, b"<rdf:li>Ada</rdf:li>", b"<rdf:li>Ada</rdf:li><rdf:li>Bob</rdf:li>")


def other_date(pdf: Any) -> None:
    pdf.docinfo["/CreationDate"] = "D:20260131000001Z"


def unknown_property(pdf: Any) -> None:
    _edit(pdf, b"</rdf:RDF>", b'<rdf:Description xmlns:o="urn:odd" o:x="1"/></rdf:RDF>')


def no_title(pdf: Any) -> None:
    _edit(pdf, b"Report", b" ")


def title_is_not_shown(pdf: Any) -> None:
    pdf.Root.ViewerPreferences.DisplayDocTitle = False


BROKEN: list[tuple[Check, Change]] = [
    (metadata.metadata_stream, no_metadata),
    (metadata.metadata_stream, damaged),
    (metadata.metadata_stream, with_doctype),
    (metadata.identification, no_metadata),
    (metadata.identification, other_part),
    (metadata.identification, no_part),
    (metadata.same_information, other_title),
    (metadata.same_information, two_authors),
    (metadata.same_information, other_date),
    (metadata.known_properties, unknown_property),
    (metadata.title, no_title),
    (metadata.title_is_shown, title_is_not_shown),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in metadata.CHECKS}


def test_compressed_metadata_is_found_in_part_1() -> None:
    def hexadecimal(pdf: Any) -> bytes:
        text = pdf.Root.Metadata.read_bytes()
        pdf.Root.Metadata = Stream(pdf, text.hex().encode() + b">", Filter=Name.ASCIIHexDecode)
        return saved(pdf)

    assert problems(metadata.metadata_stream, "pdf/a-1a", hexadecimal)


def test_a_property_that_the_metadata_has_twice_is_found() -> None:
    def twice(pdf: Any) -> None:
        _edit(
            pdf,
            b"</rdf:RDF>",
            b'<rdf:Description xmlns:p="http://ns.adobe.com/pdf/1.3/" p:Producer="x"/></rdf:RDF>',
        )

    assert [each.message for each in problems(metadata.metadata_stream, "pdf/a-2a", twice)] == [
        "the metadata (XMP) has Producer more than once"
    ]


def test_another_level_is_found() -> None:
    def other_level(pdf: Any) -> None:
        _edit(pdf, b'conformance="A"', b'conformance="B"')

    def some_level(pdf: Any) -> None:
        _edit(pdf, b'pdfaid:part="4"', b'pdfaid:part="4" pdfaid:conformance="U"')

    assert problems(metadata.identification, "pdf/a-2a", other_level)
    assert problems(metadata.identification, "pdf/a-4", some_level)


def test_the_year_of_the_standard_is_asked_of_the_new_parts() -> None:
    def no_year(pdf: Any) -> None:
        _edit(pdf, b"id:rev=", b"id:odd=")

    assert problems(metadata.identification, "pdf/a-4", no_year)
    assert problems(metadata.identification, "pdf/ua-2", no_year)


def test_dates_are_compared_as_moments() -> None:
    def same_moment(pdf: Any) -> None:
        pdf.docinfo["/CreationDate"] = "D:20260131020000+02'00'"

    assert problems(metadata.same_information, "pdf/a-1a", same_moment) == []
