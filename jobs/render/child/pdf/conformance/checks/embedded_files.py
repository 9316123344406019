"""Files inside the PDF."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pikepdf import Dictionary, Stream

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.objects import identity, items, member, name
from jobs.render.child.pdf.conformance.variants import Variant

_MEDIA_TYPE = re.compile(r"[-\w+.]+/[-\w+.]+")
_ACCEPTED_PARTS = {"PDF/A-2": ("1", "2"), "PDF/A-4": ("1", "2", "4")}
"""What an embedded PDF may be: PDF/A of these parts."""


@check({"PDF/A-1": "6.1.11"})
def no_embedded_files(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """No files are embedded."""
    if file.file_specifications or member(file.root, "/Names", "/EmbeddedFiles") is not None:
        yield Problem("PDF/A-1 allows no attachments: use PDF/A-3")


@check({"PDF/A-2": "6.8", "PDF/A-4": "6.9"}, levels={"", "a", "b", "u"})
def only_archive_files(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Embedded files are PDF/A themselves, by their own word."""
    for specification in file.file_specifications:
        for stream in _streams(specification):
            data = stream.read_bytes()
            part = re.search(rb"pdfaid:part\s*(?:=\s*[\"']|>)\s*(\d)", data)
            accepted = _ACCEPTED_PARTS[variant.standard]
            if not data.startswith(b"%PDF-") or not part or part[1].decode() not in accepted:
                yield Problem(
                    f"the attachment {_title(specification)} is not PDF/A of part {' or '.join(accepted)}: use "
                    f"{'PDF/A-4f' if variant.standard == 'PDF/A-4' else 'PDF/A-3'}"
                )


@check({"PDF/A-3": "6.8", "PDF/A-4": "6.9"})
def described_files(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Embedded files have a media type, a name, and a relation to the document that lists them.

    In part 3, something has to list each as an associated file (AF).
    """
    associated = {
        identity(each)
        for dictionary in file.dictionaries
        for each in items(dictionary.get("/AF"))
        if isinstance(each, Dictionary)
    }
    for specification in file.file_specifications:
        title = _title(specification)
        if any(not _MEDIA_TYPE.fullmatch(name(each.get("/Subtype"))) for each in _streams(specification)):
            yield Problem(f"the attachment {title} has no media type")
        if "/F" not in specification or "/UF" not in specification:
            yield Problem(f"the attachment {title} lacks one of its names (F, UF)")
        if not name(specification.get("/AFRelationship")):
            yield Problem(f"the attachment {title} does not say its relation to the document")
        elif variant.standard == "PDF/A-3" and identity(specification) not in associated:
            yield Problem(f"the attachment {title} is not associated with the document or a part of it (AF)")


@check({"PDF/A-4": "6.9"}, levels={"f"})
def has_files(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """A PDF/A-4f has embedded files."""
    if member(file.root, "/Names", "/EmbeddedFiles") is None:
        yield Problem("a PDF/A-4f has attachments, and this file has none: use pdf/a-4")


@check({"PDF/UA-1": "7.11"})
def named_files(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Embedded files have both of their names: Matterhorn 21-001."""
    for specification in file.file_specifications:
        if not str(specification.get("/F", "")) or not str(specification.get("/UF", "")):
            yield Problem(f"the attachment {_title(specification)} lacks one of its names (F, UF)")


@check({"PDF/UA-2": "8.14.1"})
def files_with_description(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Embedded files have a description for people."""
    for _key, specification in file.embedded_names:
        if member(specification, "/Desc") is None:
            yield Problem(f"the attachment {_title(specification)} has no description")


def _streams(specification: Dictionary) -> list[Stream]:
    embedded = specification.get("/EF")
    found = (member(embedded, key) for key in ("/F", "/UF"))
    unique = {identity(each): each for each in found if isinstance(each, Stream)}
    return list(unique.values())


def _title(specification: object) -> str:
    title = member(specification, "/UF") or member(specification, "/F") or "without a name"
    return str(title)[:100]


CHECKS: tuple[Check, ...] = (
    no_embedded_files,
    only_archive_files,
    described_files,
    has_files,
    named_files,
    files_with_description,
)
