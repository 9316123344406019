"""Joins PDFs with their pages, bookmarks, links, form fields and attachments (pikepdf)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pikepdf
from pikepdf import Array, Destination, Dictionary, GoToAction, Name, OutlineItem, String

from jobs.render.child.pdf.merge_losses import losses, tell
from jobs.render.child.pdf.merging_catalogs import (
    Attachments,
    add_layers,
    common_language,
    has_labels,
    highest_version,
    set_labels,
)
from jobs.render.child.pdf.source_pdf import explaining, open_whole
from jobs.render.protocol.messages import MergePart
from jobs.render.protocol.page_ranges import resolve
from jobs.render.protocol.warning_codes import WarningCode

Warn = Callable[[WarningCode, str], None]
"""Takes a code and a message."""
Advance = Callable[[int, int], None]
"""Takes how many parts and how many pages have been added."""

_MAX_NAMES_SHOWN = 5
_BOOKMARK_LEVELS = 20
"""pikepdf reads the bookmarks of parts down to level 15, and here they are one level deeper."""
_METADATA = {
    "title": "dc:title",
    "authors": "dc:creator",
    "description": "dc:description",
    "keywords": "pdf:Keywords",
    "generator": "xmp:CreatorTool",
    "created": "xmp:CreateDate",
    "modified": "xmp:ModifyDate",
}
"""Names of options → names in XMP; pikepdf also writes the older document information."""


@dataclass(frozen=True, slots=True)
class Merged:
    pdf: bytes
    pages: int


@dataclass(slots=True)
class _Part:
    """An opened part whose pages have been added to the document."""

    title: str
    name: str
    """What messages call it."""
    source: pikepdf.Pdf
    wanted: Sequence[int]
    """Its pages in the document, counted from 0 in the source."""
    first: pikepdf.Object
    """Its first page in the document."""
    places: Mapping[tuple[int, int], pikepdf.Object]
    """Page of the source → the same page in the document."""
    bookmarks: list[OutlineItem] = field(default_factory=list)


def merge(parts: Sequence[MergePart], options: Mapping[str, Any], *, warn: Warn, advance: Advance) -> Merged:
    """Returns one PDF of all parts.

    Raises:
        JobError: a part cannot be read, or does not have a page that was asked for.
    """
    with ExitStack() as sources, pikepdf.new() as document:
        merged: list[_Part] = []
        for number, part in enumerate(parts, start=1):
            name = f"Part {number} ({part.title})"
            with explaining(name):
                added = _add(document, part, name, warn)
                sources.callback(added.source.close)  # writing the document still reads its streams
            merged.append(added)
            advance(number, len(document.pages))
        if options.get("bookmarks", True):
            _set_bookmarks(document, merged)
        written = io.BytesIO()
        with explaining("One of the parts"):
            _carry_catalogs(document, merged, warn)
            opened = [part.source for part in merged]
            _describe(document, {"lang": common_language(opened), **options.get("metadata", {})})
            document.save(written, deterministic_id=True, min_version=highest_version(opened))
        return Merged(written.getvalue(), len(document.pages))


def _add(document: pikepdf.Pdf, part: MergePart, name: str, warn: Warn) -> _Part:
    source, repaired = open_whole(part.pdf, name)
    count = len(source.pages)
    wanted = list(range(count) if part.pages is None else resolve(part.pages, count))
    at = len(document.pages)
    copied = document.add_pages_from(source, wanted)
    pages = [document.pages[at + offset].obj for offset in range(len(wanted))]
    _clean(pages, set(copied.dropped_dests))
    if part.rotate:
        for page in document.pages[at:]:
            page.rotate(part.rotate, relative=True)
    places = {source.pages[page].obj.objgen: pages[offset] for offset, page in enumerate(wanted)}
    added = _Part(part.title, name, source, wanted, pages[0], places)
    try:
        added.bookmarks = _kept(source.open_outline().root, added)
    except Exception:  # noqa: BLE001 (pages can be used without bookmarks)
        warn("bookmarks_unreadable", f"The bookmarks of {name} cannot be read.")
    if repaired or source.get_warnings():
        warn(
            "pdf_repaired",
            f"{name} is damaged and was repaired as far as possible: look whether all is there.",
        )
    if copied.renamed_fields:
        warn("form_fields_renamed", f"Form fields of {name} have new names: {_shown(copied.renamed_fields)}.")
    return added


def _carry_catalogs(document: pikepdf.Pdf, parts: Sequence[_Part], warn: Warn) -> None:
    """Carries what belongs to whole parts, and tells what is lost of them."""
    attachments = Attachments(document)
    labels: list[str | None] = []
    for part in parts:
        own_labels: list[str | None] = [None] * len(part.wanted)
        steps: list[tuple[str, Callable[[], None]]] = [
            ("attachments", partial(attachments.add, part.source)),
            ("layers", partial(add_layers, document, part.source)),
            ("page labels", partial(_read_labels, part, own_labels)),
        ]
        for what, carry in steps:
            try:
                carry()
            except Exception:  # noqa: BLE001 (pages can be used without)
                warn("part_incomplete", f"The {what} of {part.name} cannot be read, and are left out.")
        labels += own_labels
    if attachments.renamed:
        warn("attachments_renamed", f"Attachments have new names: {_shown(attachments.renamed)}.")
    if any(label is not None for label in labels):
        set_labels(document, labels)
    tell([(part.name, losses(part.source)) for part in parts], warn)


def _read_labels(part: _Part, labels: list[str | None]) -> None:
    if has_labels(part.source):
        labels[:] = [str(part.source.pages[page].label) for page in part.wanted]


def _shown(renamed: Mapping[str, str]) -> str:
    shown = [f"{old[:50]} is {new[:50]}" for old, new in list(renamed.items())[:_MAX_NAMES_SHOWN]]
    more = len(renamed) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more > 0 else "")


def _clean(pages: Iterable[pikepdf.Object], unknown_names: set[str]) -> None:
    """Removes references to the tags of the part, and to names that mean another place now."""
    for page in pages:
        _drop(page, Name.StructParents)
        for annotation in page.get(Name.Annots, []):
            if not isinstance(annotation, Dictionary):
                continue
            _drop(annotation, Name.StructParent)
            for owner, key in ((annotation, Name.Dest), (annotation.get(Name.A), Name.D)):
                if isinstance(owner, Dictionary) and _name(owner.get(key)) in unknown_names:
                    owner[key] = Array([None, Name.Fit])


def _drop(owner: pikepdf.Object, key: Name) -> None:
    if key in owner:
        del owner[key]


def _name(destination: object) -> str | None:
    return str(destination) if isinstance(destination, String | Name) else None


# --- bookmarks ------------------------------------------------------------------------------------


def _set_bookmarks(document: pikepdf.Pdf, parts: Sequence[_Part]) -> None:
    """Adds a bookmark for each part with its own below it, or just those of a single part."""
    with document.open_outline(max_depth=_BOOKMARK_LEVELS) as outline:
        if len(parts) == 1:
            outline.root.extend(parts[0].bookmarks)
            return
        for part in parts:
            item = OutlineItem(part.title, Array([part.first, Name.Fit]))
            item.children.extend(part.bookmarks)
            item.is_closed = bool(part.bookmarks)
            outline.root.append(item)


def _kept(items: Iterable[OutlineItem], part: _Part) -> list[OutlineItem]:
    """Copies bookmarks that lead to a page of the document, or have children that do."""
    kept = []
    for item in items:
        destination = _destination(item, part)
        children = _kept(item.children, part)
        if destination is None and not children:
            continue
        copy = OutlineItem(item.title, destination, color=item.color, flags=item.flags)
        copy.children.extend(children)
        copy.is_closed = item.is_closed
        kept.append(copy)
    return kept


def _destination(item: OutlineItem, part: _Part) -> Array | None:
    """Returns where it leads in the document. Only the page and numbers are copied."""
    if item.destination is None and isinstance(item.parsed_action, GoToAction):
        target = item.parsed_action.obj.get(Name.D)
        item = OutlineItem(item.title, target if isinstance(target, Array | String | Name) else None)
    found = item.resolved_destination(part.source)
    page = None if found is None else part.places.get(getattr(found.page, "objgen", (0, 0)))
    if found is None or page is None:
        return None
    view = {side: getattr(found, side) for side in ("left", "top", "right", "bottom", "zoom")}
    return Destination(page, found.page_location, **view).to_array()


# --- metadata -----------------------------------------------------------------------------------


def _describe(document: pikepdf.Pdf, metadata: Mapping[str, Any]) -> None:
    if metadata.get("lang"):
        document.Root.Lang = String(metadata["lang"])
    described = {theirs: metadata[ours] for ours, theirs in _METADATA.items() if ours in metadata}
    if not described:
        return
    with document.open_metadata(set_pikepdf_as_editor=False) as xmp:
        for name, value in described.items():
            xmp[name] = ", ".join(value) if name == "pdf:Keywords" else value
