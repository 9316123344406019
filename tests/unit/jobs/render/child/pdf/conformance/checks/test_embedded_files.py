from __future__ import annotations

from typing import Any

from pikepdf import Array, Dictionary, Name, Stream, String

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import embedded_files
from testsupport.conforming import Change, cases, problems


def _attach(pdf: Any, content: bytes = b"x", **members: Any) -> None:
    stream = Stream(pdf, content, Type=Name.EmbeddedFile, Subtype=Name("/text/plain"))
    file = Dictionary(
        Type=Name.Filespec, F=String("x"), UF=String("x"), EF=Dictionary(F=stream), AFRelationship=Name.Data
    )
    for key, value in members.items():
        file[f"/{key}"] = value
    file = pdf.make_indirect(file)
    pdf.Root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=Array([String("x"), file])))
    pdf.Root.AF = Array([file])


def attached(pdf: Any) -> None:
    _attach(pdf)


def attached_pdf(pdf: Any) -> None:
    _attach(pdf, b"%PDF-1.7 plain")


def no_media_type(pdf: Any) -> None:
    _attach(pdf)
    del pdf.Root.AF[0].EF.F[Name.Subtype]


def no_names(pdf: Any) -> None:
    _attach(pdf)
    del pdf.Root.AF[0][Name.F]


def no_relationship(pdf: Any) -> None:
    _attach(pdf)
    del pdf.Root.AF[0][Name.AFRelationship]


def no_files(pdf: Any) -> None:
    del pdf.Root.Names[Name.EmbeddedFiles]


BROKEN: list[tuple[Check, Change]] = [
    (embedded_files.no_embedded_files, attached),
    (embedded_files.only_archive_files, attached),
    (embedded_files.only_archive_files, attached_pdf),
    (embedded_files.described_files, no_media_type),
    (embedded_files.described_files, no_names),
    (embedded_files.described_files, no_relationship),
    (embedded_files.has_files, no_files),
    (embedded_files.named_files, no_names),
    (embedded_files.files_with_description, attached),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in embedded_files.CHECKS}


def test_a_file_that_nothing_lists_as_associated_is_found_in_part_3() -> None:
    def not_associated(pdf: Any) -> None:
        del pdf.Root[Name.AF]

    assert problems(embedded_files.described_files, "pdf/a-3a", not_associated)


def test_an_embedded_pdf_a_is_allowed_in_part_2() -> None:
    def archive(pdf: Any) -> None:
        _attach(pdf, b'%PDF-1.4 pdfaid:part="1"')

    assert problems(embedded_files.only_archive_files, "pdf/a-2a", archive) == []
