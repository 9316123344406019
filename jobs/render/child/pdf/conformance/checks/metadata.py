"""Metadata: which standard the file claims, its title, and agreement of old and new metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from pikepdf import Dictionary

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.objects import member
from jobs.render.child.pdf.conformance.variants import Variant
from jobs.render.child.pdf.conformance.xmp import RDF

_PREDEFINED = (
    RDF,
    "http://purl.org/dc/elements/1.1/",
    "http://ns.adobe.com/xap/1.0/",
    "http://ns.adobe.com/xmp/",
    "http://ns.adobe.com/pdf/1.3/",
    "http://ns.adobe.com/photoshop/1.0/",
    "http://ns.adobe.com/tiff/1.0/",
    "http://ns.adobe.com/exif/1.0/",
    "http://ns.adobe.com/camera-raw-settings/1.0/",
    "http://www.aiim.org/pdfa/ns/",
)
"""Beginnings of the namespaces that parts 1 to 3 know; others need a description in the file."""
_REVISIONS = {"PDF/A-4": "2020", "PDF/UA-2": "2024"}
_TEXTS = {
    "/Title": ("dc", "title"),
    "/Author": ("dc", "creator"),
    "/Subject": ("dc", "description"),
    "/Keywords": ("pdf", "Keywords"),
    "/Creator": ("xmp", "CreatorTool"),
    "/Producer": ("pdf", "Producer"),
}
"""Members of the information dictionary, and their properties (ISO 19005-1, table 1)."""
_DATES = {"/CreationDate": "CreateDate", "/ModDate": "ModifyDate"}
_PDF_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z.*|([+-])(\d\d)(?:'?(\d\d)'?)?)?")
_XMP_DATE = re.compile(
    r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?(?:Z|([+-])(\d\d):(\d\d))?"
)


@check(
    {
        "PDF/A-1": "6.7.2",
        "PDF/A-2": "6.6.2.1",
        "PDF/A-3": "6.6.2.1",
        "PDF/A-4": "6.7.2.1",
        "PDF/UA-1": "7.1",
        "PDF/UA-2": "8.11.1",
    }
)
def metadata_stream(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """The catalog has well-formed metadata (XMP), which is not compressed in PDF/A-1."""
    xmp = file.xmp
    if xmp.stream is None:
        yield Problem("the file has no metadata (XMP)")
        return
    if xmp.error:
        yield Problem(f"the metadata (XMP) cannot be read: {xmp.error}")
    if not variant.is_archive:
        return
    if variant.standard == "PDF/A-1" and "/Filter" in xmp.stream.stream_dict:
        yield Problem("the metadata (XMP) is compressed")
    if re.search(r"\s(bytes|encoding)\s*=", xmp.header):
        yield Problem("the header of the metadata (XMP) has bytes or encoding")
    for repeated in xmp.repeated:
        yield Problem(f"the metadata (XMP) has {repeated.rpartition('}')[2]} more than once")


@check(
    {
        "PDF/A-1": "6.7.11",
        "PDF/A-2": "6.6.4",
        "PDF/A-3": "6.6.4",
        "PDF/A-4": "6.7.3",
        "PDF/UA-1": "5",
        "PDF/UA-2": "5",
    }
)
def identification(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """The metadata names this part and level, and no other one: Matterhorn 06-002."""
    prefix = "pdfaid" if variant.is_archive else "pdfuaid"
    part = file.xmp.text(prefix, "part")
    if part is None:
        yield Problem(f"the metadata does not say that the file is {variant.name}")
    elif part.strip() != str(variant.part):
        yield Problem(f"the metadata says part {part.strip()[:20]} instead of {variant.part}")
    if variant.is_archive:
        level = file.xmp.text(prefix, "conformance")
        if (level or "") != variant.level.upper():
            yield Problem(
                f"the metadata says level {level or 'none'} instead of {variant.level.upper() or 'none'}"
            )
    revision = _REVISIONS.get(variant.standard)
    if revision and not re.fullmatch(r"\d{4}", file.xmp.text(prefix, "rev") or ""):
        yield Problem(f"the metadata does not say the year of the standard, {revision}")


@check({"PDF/A-1": "6.7.3"})
def same_information(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """The information dictionary says the same as the metadata (XMP)."""
    info = file.document.trailer.get("/Info")
    if not isinstance(info, Dictionary):
        return
    for key, (prefix, name) in _TEXTS.items():
        value = info.get(key)
        texts = file.xmp.texts(prefix, name)
        if key != "/Author":
            texts = texts[:1]  # the others are translations
        if value is not None and texts != [str(value)]:
            yield Problem(f"{key[1:]} is not the same in the metadata (XMP) as in the information")
    for key, name in _DATES.items():
        value = info.get(key)
        if value is not None:
            moments = (
                _moment(_PDF_DATE, str(value)),
                _moment(_XMP_DATE, (file.xmp.text("xmp", name) or "").strip()),
            )
            if moments[0] != moments[1]:
                yield Problem(f"{key[1:]} is not the same in the metadata (XMP) as in the information")


@check({"PDF/A-1": "6.7.9", "PDF/A-2": "6.6.2.3.1", "PDF/A-3": "6.6.2.3.1"})
def known_properties(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Metadata is of namespaces that the part knows, or is described by an extension schema."""
    described = file.xmp.extensions()
    for each in file.xmp.properties:
        namespace, _separator, name = each[1:].partition("}")
        if not namespace.startswith(_PREDEFINED) and name not in described.get(namespace, ()):
            yield Problem(f"the metadata has {name}, which no extension schema describes")


@check({"PDF/UA-1": "7.1", "PDF/UA-2": "8.11.1"})
def title(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """The metadata has a title: Matterhorn 06-003."""
    if not (file.xmp.text("dc", "title") or "").strip():
        yield Problem("the document has no title: give it a <title>, or the option metadata.title")


@check({"PDF/UA-1": "7.1", "PDF/UA-2": "8.11.2"})
def title_is_shown(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Readers show the title instead of the file name: Matterhorn 07-001, 07-002."""
    if member(file.root, "/ViewerPreferences", "/DisplayDocTitle") is not True:
        yield Problem("readers are not told to show the title (DisplayDocTitle)")


def _moment(pattern: re.Pattern[str], text: str) -> datetime | None:
    """Returns the time in a date; parts that are left out are the earliest, a zone is UTC."""
    found = pattern.fullmatch(text)
    if found is None:
        return None
    *parts, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = (
        int(part or default) for part, default in zip(parts, "111000", strict=True)
    )
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    zone = UTC if sign is None else timezone(-offset if sign == "-" else offset)
    try:
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone)
    except ValueError:
        return None


CHECKS: tuple[Check, ...] = (
    metadata_stream,
    identification,
    same_information,
    known_properties,
    title,
    title_is_shown,
)
