"""The natural language of the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pikepdf import String

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.structure import Tag
from jobs.render.child.pdf.conformance.variants import Variant

_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_LANGUAGE_1 = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z]{1,8})*")
"""Subtags of RFC 1766, on which PDF/A-1 builds, have no digits."""


@check(
    {
        "PDF/A-1": "6.8.4",
        "PDF/A-2": "6.7.4",
        "PDF/A-3": "6.7.4",
        "PDF/UA-1": "7.2",
        "PDF/UA-2": "8.4.4",
    },
    levels={"a"},
)
def language_tags(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Languages are language tags, such as `de-AT`: Matterhorn 11-007."""
    pattern = _LANGUAGE_1 if variant.standard == "PDF/A-1" else _LANGUAGE
    for each in file.dictionaries:
        value = each.get("/Lang")
        if not str(value) and each.objgen == file.root.objgen:
            continue  # the language of the document is another check
        if not isinstance(value, String) or pattern.fullmatch(str(value)):
            continue
        if str(value) or not variant.is_archive:
            yield Problem(f"{str(value)[:30]!r} is no language tag: write lang as en or de-AT")


@check({"PDF/UA-1": "7.2", "PDF/UA-2": "8.4.4"})
def language(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """The language of all text is known: Matterhorn 11-001 to 11-006.

    PDF/UA-2 asks for the language of the document; PDF/UA-1 accepts languages of all its tags, if
    there are no bookmarks and no texts of links and fields.
    """
    if str(file.root.get("/Lang", "")):
        return
    if variant.standard == "PDF/UA-1" and not _has_other_texts(file):
        without = [tag for tag in file.structure.tags if tag.has_content and not _has_language(tag)]
        if not without:
            return
    yield Problem('the document has no language: write <html lang="en">, or the option metadata.lang')


def _has_other_texts(file: CheckedFile) -> bool:
    texts = (annotation.get(key) for annotation, _ in file.annotations for key in ("/Contents", "/TU"))
    return "/Outlines" in file.root or any(text is not None for text in texts)


def _has_language(tag: Tag) -> bool:
    return any(str(each.element.get("/Lang", "")) for each in (tag, *tag.ancestors()))


CHECKS: tuple[Check, ...] = (language_tags, language)
