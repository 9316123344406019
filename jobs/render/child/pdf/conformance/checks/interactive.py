"""Annotations and form fields: types, flags, appearances, and their place in the tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pikepdf import Dictionary, Stream

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.objects import items, member, name, number, words
from jobs.render.child.pdf.conformance.structure import Tag
from jobs.render.child.pdf.conformance.variants import Variant

_TYPES_1 = words(
    "Text Link FreeText Line Square Circle Highlight Underline Squiggly StrikeOut Stamp Ink Popup Widget "
    "PrinterMark TrapNet"
)
_TYPES_2 = _TYPES_1 | {"Polygon", "PolyLine", "Caret", "Watermark", "Redact"}
_TYPES_4 = _TYPES_2 | {"Projection"}
_FILES_ALLOWED = "FileAttachment"
_TYPES_4E = frozenset({"3D", "RichMedia"})
_INVISIBLE, _HIDDEN, _PRINT, _NO_VIEW, _TOGGLE_NO_VIEW = 1, 2, 4, 32, 256
"""Flags of an annotation (ISO 32000-1, table 165)."""


@check({"PDF/A-1": "6.5.2", "PDF/A-2": "6.3.1", "PDF/A-3": "6.3.1", "PDF/A-4": "6.3.1"})
def annotation_types(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Annotations are of types that the part knows and does not forbid, such as sounds and films.

    Attached files are forbidden in PDF/A-1.
    """
    allowed = {1: _TYPES_1, 2: _TYPES_2, 3: _TYPES_2, 4: _TYPES_4}[variant.part]
    for annotation, page in file.annotations:
        kind = name(annotation.get("/Subtype"))
        if (
            kind in allowed
            or (kind == _FILES_ALLOWED and variant.part in (2, 3))
            or (kind == _FILES_ALLOWED and variant.level in ("e", "f"))
            or (kind in _TYPES_4E and variant.level == "e")
        ):
            continue
        yield Problem(f"{variant.name} allows no annotation of the type {kind[:30]}", page)


@check({"PDF/A-1": "6.5.3", "PDF/A-2": "6.3.2", "PDF/A-3": "6.3.2", "PDF/A-4": "6.3.2"})
def annotation_flags(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Annotations are printed and not hidden; in part 1, they are also opaque."""
    forbidden = _INVISIBLE | _HIDDEN | _NO_VIEW | (0 if variant.part == 1 else _TOGGLE_NO_VIEW)
    for annotation, page in file.annotations:
        kind = name(annotation.get("/Subtype"))
        flags = annotation.get("/F")
        if flags is None and kind == "Popup" and variant.part > 1:
            continue
        if not isinstance(flags, int) or not flags & _PRINT or flags & forbidden:
            yield Problem(f"an annotation ({kind}) is hidden or not printed", page)
        if variant.part == 1 and number(annotation.get("/CA", 1)) != 1:
            yield Problem(f"an annotation ({kind}) is partly transparent", page)


@check({"PDF/A-1": "6.5.3", "PDF/A-2": "6.3.3", "PDF/A-3": "6.3.3", "PDF/A-4": "6.3.3"})
def appearances(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Annotations have an appearance for drawing alone, with states if they are buttons.

    In part 1, form fields need one only (6.9). Links and pop-ups need none.
    """
    for annotation, page in file.annotations:
        kind = name(annotation.get("/Subtype"))
        appearance = annotation.get("/AP")
        if appearance is None:
            needs_one = kind == "Widget" or (variant.part > 1 and kind not in ("Popup", "Link", "Projection"))
            if needs_one and not _is_empty(annotation):
                yield Problem(f"{_title(annotation)} has no appearance", page)
            continue
        normal = member(appearance, "/N")
        if not isinstance(appearance, Dictionary) or set(appearance.keys()) != {"/N"}:
            yield Problem(f"{_title(annotation)} has an appearance for more than drawing", page)
        elif kind == "Widget" and _field_type(annotation) == "Btn":
            if isinstance(normal, Stream) or not isinstance(normal, Dictionary):
                yield Problem(f"{_title(annotation)} has no appearance for each of its states", page)
        elif not isinstance(normal, Stream):
            yield Problem(f"{_title(annotation)} has no appearance", page)


@check({"PDF/A-1": "6.9", "PDF/A-2": "6.4.1", "PDF/A-3": "6.4.1", "PDF/A-4": "6.4.1"})
def form_fields(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Form fields are drawn as they are in the file, and do nothing when they are used."""
    form = file.root.get("/AcroForm")
    if member(form, "/NeedAppearances") is True:
        yield Problem(
            "readers are to draw the form fields anew (NeedAppearances): leave out the option forms"
        )
    for annotation, page in file.annotations:
        if name(annotation.get("/Subtype")) == "Widget" and (
            "/A" in annotation or ("/AA" in annotation and variant.standard != "PDF/A-4")
        ):
            yield Problem(f"{_title(annotation)} has an action", page)


@check({"PDF/A-2": "6.4.2", "PDF/A-3": "6.4.2", "PDF/A-4": "6.4.2", "PDF/UA-1": "7.15", "PDF/UA-2": "8.10.1"})
def no_xfa(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """There is no XFA form."""
    if member(file.root, "/AcroForm", "/XFA") is not None or "/NeedsRendering" in file.root:
        yield Problem("the file has an XFA form")


@check({"PDF/UA-1": "7.18.1", "PDF/UA-2": "8.9.2.3"})
def annotation_tags(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Annotations other than links and fields are in an `Annot` tag, and say what they are.

    Matterhorn 28-002 and 28-004. In PDF/UA-2, this is asked of markup annotations, and pop-ups are
    left out.
    """
    for annotation, page in file.annotations:
        kind = name(annotation.get("/Subtype"))
        if kind in ("Widget", "PrinterMark", "Link", "Popup") or _is_unseen(file, annotation, page):
            continue
        if _type(file.structure.tag_of_object(annotation)) != "Annot":
            yield Problem(f"an annotation ({kind}) is in no Annot tag", page)
        elif (
            not _says_what_it_is(annotation, file.structure.tag_of_object(annotation))
            and variant.standard == "PDF/UA-1"
        ):
            yield Problem(f"an annotation ({kind}) does not say what it is (Contents)", page)


@check({"PDF/UA-1": "7.18.2", "PDF/UA-2": "8.9.2.4.15"})
def no_trap_networks(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """There are no annotations for the printing of traps: Matterhorn 28-007."""
    for annotation, page in file.annotations:
        if name(annotation.get("/Subtype")) == "TrapNet" and not _is_unseen(file, annotation, page):
            yield Problem("there is an annotation of the type TrapNet", page)


@check({"PDF/UA-1": "7.18.3", "PDF/UA-2": "8.9.3.3"})
def tab_order(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """The tab order of pages with annotations is that of the tags: Matterhorn 28-008, 28-009."""
    allowed = {"S"} if variant.standard == "PDF/UA-1" else {"S", "A", "W"}
    for page_number, page in enumerate(file.document.pages, 1):
        if items(page.obj.get("/Annots")) and name(page.obj.get("/Tabs")) not in allowed:
            yield Problem("the order of links and fields is not that of the tags (Tabs)", page_number)


@check({"PDF/UA-1": "7.18.4", "PDF/UA-2": "8.10.1"})
def form_tags(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Each form field is in a `Form` tag of its own: Matterhorn 28-010."""
    for annotation, page in file.annotations:
        if name(annotation.get("/Subtype")) == "Widget" and not _is_unseen(file, annotation, page):
            tag = file.structure.tag_of_object(annotation)
            if _type(tag) != "Form" and (variant.standard == "PDF/UA-1" or "/StructParent" in annotation):
                yield Problem(f"{_title(annotation)} is in no Form tag", page)
    for tag in file.structure.of_type("Form"):
        if len(tag.objects) > 1:
            yield Problem("a Form tag has several fields", *tag.place)


@check({"PDF/UA-1": "7.18.5", "PDF/UA-2": "8.2.5.20"})
def link_tags(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Each link is in a `Link` tag, and, in PDF/UA-1, says where it leads.

    Matterhorn 28-011 and 28-012.
    """
    types = {"Link"} if variant.standard == "PDF/UA-1" else {"Link", "Reference"}
    for annotation, page in file.annotations:
        if name(annotation.get("/Subtype")) != "Link" or _is_unseen(file, annotation, page):
            continue
        tag = file.structure.tag_of_object(annotation)
        if _type(tag) not in types:
            yield Problem("a link is in no Link tag", page)
        elif not _text(annotation.get("/Contents")) and variant.standard == "PDF/UA-1":
            yield Problem("a link does not say where it leads (Contents)", *(tag.place if tag else (page,)))


def _says_what_it_is(annotation: Dictionary, tag: Tag | None) -> bool:
    return bool(_text(annotation.get("/Contents")) or (tag and _text(tag.element.get("/Alt"))))


def _type(tag: Tag | None) -> str:
    return tag.type if tag else ""


def _text(value: Any) -> str:
    return str(value).strip() if value is not None else ""


def _title(annotation: Dictionary) -> str:
    field = _text(annotation.get("/T") or member(annotation, "/Parent", "/T"))
    return f"the form field {field!r}" if field else f"an annotation ({name(annotation.get('/Subtype'))})"


def _field_type(annotation: Dictionary) -> str:
    return name(annotation.get("/FT") or member(annotation, "/Parent", "/FT"))


def _is_empty(annotation: Dictionary) -> bool:
    left, bottom, right, top = _edges(annotation.get("/Rect"))
    return left == right and bottom == top


def _is_unseen(file: CheckedFile, annotation: Dictionary, page: int) -> bool:
    """Tells whether the annotation is hidden, or lies outside of the page."""
    flags = annotation.get("/F")
    if isinstance(flags, int) and flags & _HIDDEN:
        return True
    left, bottom, right, top = _edges(annotation.get("/Rect"))
    page_left, page_bottom, page_right, page_top = _edges(file.document.pages[page - 1].cropbox)
    return right < page_left or left > page_right or top < page_bottom or bottom > page_top


def _edges(rectangle: Any) -> tuple[float, float, float, float]:
    """Returns the edges of a rectangle: left, bottom, right, top."""
    values = [number(each) or 0 for each in items(rectangle)]
    x1, y1, x2, y2 = values if len(values) == 4 else (0, 0, 0, 0)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


CHECKS: tuple[Check, ...] = (
    annotation_types,
    annotation_flags,
    appearances,
    form_fields,
    no_xfa,
    annotation_tags,
    no_trap_networks,
    tab_order,
    form_tags,
    link_tags,
)
