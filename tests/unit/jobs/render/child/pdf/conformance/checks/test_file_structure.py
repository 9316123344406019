from __future__ import annotations

import io
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import file_structure
from testsupport.conforming import Change, cases, problems


def _saved(pdf: Any, **how: Any) -> bytes:
    file = io.BytesIO()
    pdf.save(file, **how)
    return file.getvalue()


def other_version(pdf: Any) -> bytes:
    return _saved(pdf, object_stream_mode=pikepdf.ObjectStreamMode.disable).replace(b"%PDF-", b"%PDF-x", 1)


def no_identifier(pdf: Any) -> bytes:
    data = _saved(pdf, object_stream_mode=pikepdf.ObjectStreamMode.disable, static_id=True)
    return data.replace(b"/ID [", b"/IX [")


def encrypted(pdf: Any) -> bytes:
    return _saved(pdf, encryption=pikepdf.Encryption(owner="o", R=6))


def more_after_the_end(pdf: Any) -> bytes:
    return _saved(pdf, object_stream_mode=pikepdf.ObjectStreamMode.disable) + b"more"


def lzw(pdf: Any) -> bytes:
    pdf.Root.Odd = pikepdf.Stream(pdf, b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01", Filter=Name.LZWDecode)
    return _saved(pdf, stream_decode_level=pikepdf.StreamDecodeLevel.none, compress_streams=False)


def lzw_inline(pdf: Any) -> None:
    pdf.pages[0].contents_add(b"BI /W 1 /H 1 /CS /G /BPC 8 /F /LZW ID \x80\x0b\nEI")


def external_data(pdf: Any) -> None:
    pdf.Root.Odd = pikepdf.Stream(pdf, b"", F=pikepdf.String("other.bin"))


def cross_reference_stream(pdf: Any) -> bytes:
    return _saved(pdf, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def layers(pdf: Any) -> None:
    pdf.Root.OCProperties = Dictionary(OCGs=Array(), D=Dictionary(AS=Array()), Configs=Array([Dictionary()]))


def presentations(pdf: Any) -> None:
    pdf.pages[0].obj.PresSteps = Dictionary()


def requirements(pdf: Any) -> None:
    pdf.Root.Requirements = Array()


def catalog_version(pdf: Any) -> None:
    pdf.Root.Version = Name("/1.7")


def closed_to_assistive_technology(pdf: Any) -> bytes:
    permissions = pikepdf.Permissions(accessibility=False, extract=False)
    return _saved(
        pdf, encryption=pikepdf.Encryption(owner="o", R=3, aes=False, metadata=False, allow=permissions)
    )


BROKEN: list[tuple[Check, Change]] = [
    (file_structure.header, other_version),
    (file_structure.catalog_version, catalog_version),
    (file_structure.trailer, no_identifier),
    (file_structure.trailer, encrypted),
    (file_structure.trailer, more_after_the_end),
    (file_structure.cross_reference_table, cross_reference_stream),
    (file_structure.filters, lzw),
    (file_structure.filters, lzw_inline),
    (file_structure.external_streams, external_data),
    (file_structure.no_layers, layers),
    (file_structure.layers, layers),
    (file_structure.presentations, presentations),
    (file_structure.requirements, requirements),
    (file_structure.readable_for_assistive_technology, closed_to_assistive_technology),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in file_structure.CHECKS}


def test_an_information_dictionary_is_found_in_pdf_a_4() -> None:
    def with_title(pdf: Any) -> None:
        pdf.docinfo["/Title"] = "x"

    (problem,) = problems(file_structure.trailer, "pdf/a-4", with_title)
    assert "Info" in problem.message


@pytest.mark.parametrize("variant", ["pdf/ua-1"])
def test_encryption_with_which_assistive_technology_can_read_is_no_problem(variant: str) -> None:
    def encrypt(pdf: Any) -> bytes:
        return _saved(pdf, encryption=pikepdf.Encryption(owner="o", R=6))

    assert problems(file_structure.readable_for_assistive_technology, variant, encrypt) == []
