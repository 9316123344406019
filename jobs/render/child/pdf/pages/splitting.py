"""Splits a PDF into several (pikepdf)."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import pikepdf
from pikepdf import Dictionary, Name

from jobs.render.child.pdf.merging import merge
from jobs.render.child.pdf.pages.pieces import Bookmark, pieces
from jobs.render.protocol.messages import MergePart
from jobs.render.protocol.warning_codes import WarningCode

Warn = Callable[[WarningCode, str], None]
"""Takes a code and a message."""


def split(
    pdf: bytes,
    options: Mapping[str, Any],
    *,
    warn: Warn,
    advance: Callable[[int, int], None],
    finish: Callable[[bytes], bytes],
) -> dict[str, bytes]:
    """Returns the pieces of a PDF that Pressrun has made, by their file names.

    `options` are those of `pdf.merge`. `finish` makes the last changes to a piece. `advance` takes
    how many pieces are done, and how many there are in all.

    Raises what `pieces` raises.
    """
    with pikepdf.open(io.BytesIO(pdf)) as document:
        wanted = pieces(options["split"], len(document.pages), _bookmarks(document))
        if _drop_attachments(document):
            warn("attachments_lost", "The pieces have no attachments, unlike the PDF that was split.")
        written = io.BytesIO()
        document.save(written)
    kept = {name: options[name] for name in ("bookmarks", "metadata") if name in options}
    done = {}
    for number, piece in enumerate(wanted, start=1):
        part = MergePart(pdf=written.getvalue(), title=piece.name, pages=piece.pages)
        found = merge([part], kept, warn=lambda _code, _message: None, advance=lambda _parts, _pages: None)
        done[piece.name] = finish(found.pdf)
        advance(number, len(wanted))
    return done


def _bookmarks(document: pikepdf.Pdf) -> list[Bookmark]:
    """Returns the bookmarks of the highest level that lead to pages of the document."""
    numbers = {page.obj.objgen: number for number, page in enumerate(document.pages)}
    found = []
    for item in document.open_outline().root:
        destination = item.resolved_destination(document)
        page = None if destination is None else numbers.get(getattr(destination.page, "objgen", (0, 0)))
        if page is not None:
            found.append((item.title, page))
    return found


def _drop_attachments(document: pikepdf.Pdf) -> bool:
    """Removes the attachments, which every piece would have, and tells whether there were any."""
    names = document.Root.get(Name.Names)
    has_some = Name.AF in document.Root
    if has_some:
        del document.Root.AF
    if isinstance(names, Dictionary) and Name.EmbeddedFiles in names:
        has_some = True
        del names.EmbeddedFiles
    return has_some
