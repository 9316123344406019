"""Texts for what is no text: images, formulas and form fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pikepdf import Dictionary

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.objects import member, name
from jobs.render.child.pdf.conformance.structure import Tag
from jobs.render.child.pdf.conformance.variants import Variant


@check({"PDF/UA-1": "7.3", "PDF/UA-2": "8.2.5.28.2"})
def figures(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Figures have a text (Alt or ActualText): Matterhorn 13-004."""
    for tag in file.structure.of_type("Figure"):
        if not _has_text(tag):
            yield Problem(
                'an image has no text: give it alt="…", or alt="" if it is decoration (<title> in SVG)',
                *tag.place,
            )


@check({"PDF/UA-1": "7.7"})
def formulas(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Formulas have a text (Alt or ActualText): Matterhorn 17-002."""
    for tag in file.structure.of_type("Formula"):
        if not _has_text(tag):
            yield Problem("a formula has no text", *tag.place)


@check({"PDF/UA-1": "7.18.1", "PDF/UA-2": "8.10.2.3"})
def field_labels(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Form fields say what to fill in: Matterhorn 28-005.

    In PDF/UA-1 by `TU`; in PDF/UA-2 by `Contents`, or a label in the tag of the field.
    """
    for annotation, page in file.annotations:
        if name(annotation.get("/Subtype")) != "Widget":
            continue
        if variant.standard == "PDF/UA-1":
            text = annotation.get("/TU") or member(annotation, "/Parent", "/TU") or _alt(file, annotation)
        else:
            text = annotation.get("/Contents") or _has_label(file, annotation)
        if not text or not str(text).strip():
            title = annotation.get("/T") or member(annotation, "/Parent", "/T") or ""
            yield Problem(f"the form field {str(title)!r} does not say what to fill in", page)


def _alt(file: CheckedFile, annotation: Dictionary) -> Any:
    tag = file.structure.tag_of_object(annotation)
    return tag.element.get("/Alt") if tag else None


def _has_label(file: CheckedFile, annotation: Dictionary) -> bool:
    tag = file.structure.tag_of_object(annotation)
    return tag is not None and any(kid.type == "Lbl" for kid in tag.children)


def _has_text(tag: Tag) -> bool:
    return "/ActualText" in tag.element or bool(str(tag.element.get("/Alt", "")).strip())


CHECKS: tuple[Check, ...] = (figures, formulas, field_labels)
