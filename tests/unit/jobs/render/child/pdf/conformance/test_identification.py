from __future__ import annotations

import io

import pikepdf
import pytest

from jobs.render.child.pdf.conformance.identification import engine_options, is_tagged
from testsupport.conforming import rendered

XML = "<invoice/>"


def xmp(**options: object) -> str:
    with pikepdf.open(io.BytesIO(rendered("<html lang=en><title>t</title><p>x", **options).pdf)) as pdf:
        return pdf.Root.Metadata.read_bytes().decode()


@pytest.mark.parametrize(
    ("variant", "values"),
    [
        ("pdf/a-1b", ['pdfaid:part="1"', 'pdfaid:conformance="B"']),
        ("pdf/a-4", ['pdfaid:part="4"', 'pdfaid:rev="2020"']),
        ("pdf/a-4e", ['pdfaid:part="4"', 'pdfaid:conformance="E"', 'pdfaid:rev="2020"']),
        ("pdf/ua-1", ['pdfuaid:part="1"']),
        ("pdf/ua-2", ['pdfuaid:part="2"', 'pdfuaid:rev="2024"']),
        ("pdf/a-3a+ua-1", ['pdfaid:part="3"', 'pdfaid:conformance="A"', 'pdfuaid:part="1"']),
    ],
)
def test_the_metadata_names_each_standard(variant: str, values: list[str]) -> None:
    text = xmp(pdf_variant=variant)
    assert all(value in text for value in values)
    assert text.count("id:part=") == variant.count("+") + 1


def test_pdf_a_4_has_no_level() -> None:
    assert "conformance" not in xmp(pdf_variant="pdf/a-4u")


def test_an_invoice_that_is_accessible_has_one_list_of_extension_schemas() -> None:
    text = xmp(
        pdf_variant="pdf/a-3a+ua-1",
        invoice={"profile": "BASIC", "file": "factur-x.xml"},
        attachments=[{"name": "factur-x.xml", "data": "PHgvPg=="}],
    )
    assert text.count("<pdfaExtension:schemas>") == 1
    assert text.count("<pdfaSchema:prefix>") == 2


def test_a_pair_is_the_first_standard_with_tags() -> None:
    assert engine_options("pdf/a-3b+ua-1") == {"pdf_variant": "pdf/a-3b", "pdf_tags": True}
    assert engine_options("pdf/ua-1") == {"pdf_variant": "pdf/ua-1"}


@pytest.mark.parametrize(
    ("options", "tagged"),
    [
        ({}, False),
        ({"tagged": True}, True),
        ({"pdf_variant": "pdf/a-2b"}, False),
        ({"pdf_variant": "pdf/a-2a"}, True),
        ({"pdf_variant": "pdf/ua-1"}, True),
        ({"pdf_variant": "pdf/a-2b+ua-1"}, True),
    ],
)
def test_it_is_known_whether_a_pdf_gets_tags(options: dict[str, object], tagged: bool) -> None:
    assert is_tagged(options) is tagged
    with pikepdf.open(io.BytesIO(rendered("<html lang=en><p>x", **options).pdf)) as pdf:
        assert ("/StructTreeRoot" in pdf.Root) is tagged
