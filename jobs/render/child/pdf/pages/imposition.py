"""Puts several pages on each sheet: n-up, and booklets to fold and staple (pikepdf)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Object, OutlineItem, Page, Rectangle

from jobs.render.child.pdf.forms.flattening import flatten
from jobs.render.child.pdf.pages.frames import frame
from jobs.render.child.pdf.pages.layouts import Layout, booklet_order, layout
from jobs.render.protocol.warning_codes import WarningCode

Warn = Callable[[WarningCode, str], None]
"""Takes a code and a message."""

_OF_PAGES = (Name.Dests, Name.PageLabels, Name.OpenAction, Name.Threads, Name.PageLayout)
"""Members of the catalog that are about pages which are gone."""
_BOOKMARK_LEVELS = 20


def impose(document: pikepdf.Pdf, wanted: Mapping[str, Any], warn: Warn) -> None:
    """Replaces the pages by sheets, with the pages as drawings on them.

    Bookmarks lead to the sheets then. Form fields and comments become part of the sheets; links are
    lost.
    """
    lost = _has_links(document)
    flatten(document, only_forms=False)
    pages = list(document.pages)
    order: list[int | None] = list(range(len(pages)))
    if wanted.get("booklet"):
        order = booklet_order(len(pages), right_to_left=bool(wanted.get("right_to_left")))
    count = 2 if wanted.get("booklet") else int(wanted["n_up"])
    first = frame(pages[0])
    form = layout(
        count,
        page=(first.width, first.height),
        sheet=wanted.get("sheet") or (first.width, first.height),
        gap=float(wanted.get("gap", 0)),
        right_to_left=bool(wanted.get("right_to_left")) and not wanted.get("booklet"),
    )
    drawings = [page.as_form_xobject() for page in pages]
    sheets: dict[tuple[int, int], Object] = {}
    for start in range(0, len(order), count):
        sheet = document.add_blank_page(page_size=form.sheet)
        chosen = order[start : start + count]
        _draw(sheet, [None if at is None else drawings[at] for at in chosen], form)
        sheets |= {pages[at].obj.objgen: sheet.obj for at in chosen if at is not None}
    _lead_to_sheets(document, sheets)
    del document.pages[: len(pages)]
    if lost:
        warn("links_lost", "The sheets have no links, unlike the pages that are on them.")


def _draw(sheet: Page, drawings: Iterable[Object | None], form: Layout) -> None:
    content = []
    for number, (drawing, cell) in enumerate(zip(drawings, form.cells, strict=False)):
        if drawing is None:
            continue
        name = Name(f"/Page{number}")
        sheet.add_resource(drawing, Name.XObject, name)
        place = Rectangle(*cell)
        content.append(
            sheet.calc_form_xobject_placement(
                drawing, name, place, invert_transformations=False, allow_shrink=True, allow_expand=True
            )
        )
    sheet.contents_add(b"\n".join(content))


def _has_links(document: pikepdf.Pdf) -> bool:
    annotations = (page.obj.get(Name.Annots) for page in document.pages)
    listed = (each for array in annotations if isinstance(array, Array) for each in array)
    return any(isinstance(each, Dictionary) and each.get(Name.Subtype) == Name.Link for each in listed)


def _lead_to_sheets(document: pikepdf.Pdf, sheets: Mapping[tuple[int, int], Object]) -> None:
    """Lets the bookmarks lead to the sheets, and removes what else is about the pages."""
    with document.open_outline(max_depth=_BOOKMARK_LEVELS) as outline:
        _move(outline.root, document, sheets)
    for owner in (document.Root, document.Root.get(Name.Names)):
        for key in _OF_PAGES:
            if isinstance(owner, Dictionary) and key in owner:
                del owner[key]


def _move(
    items: Sequence[OutlineItem], document: pikepdf.Pdf, sheets: Mapping[tuple[int, int], Object]
) -> None:
    for item in items:
        found = item.resolved_destination(document)
        sheet = None if found is None else sheets.get(getattr(found.page, "objgen", (0, 0)))
        if sheet is not None:
            item.destination, item.action = Array([sheet, Name.Fit]), None
        _move(item.children, document, sheets)
