"""Draws page numbers and other texts over pages (WeasyPrint, pikepdf)."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pikepdf
from pikepdf import Array, Name, Object

from jobs.render.child.pdf.pages.drawings import LayOut, missing_characters, upper_left
from jobs.render.child.pdf.pages.frames import draw_over, frame
from jobs.render.protocol.page_ranges import resolve

Drawing = tuple[float, float, tuple[str, ...]]
"""Width, height, and the texts as HTML: pages that agree in them share a drawing."""

_HEADROOM_POINTS = 40_000
"""Longer than any stamp: no text is divided between two pages of drawings."""
_STYLE = (
    "body { margin: 0 } .w { position: relative; overflow: hidden } .w + .w { break-before: page } "
    ".s { position: absolute; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.2 }"
)


def stamp(document: pikepdf.Pdf, stamps: Sequence[Mapping[str, Any]], lay_out: LayOut) -> set[str]:
    """Draws the stamps over the pages. Returns characters that no font has.

    Raises:
        BeyondLastPage: the document does not have a page that was asked for.
    """
    frames = [frame(page) for page in document.pages]
    texts = _texts(stamps, len(frames))
    by_page: list[Drawing] = [
        (round(each.width, 2), round(each.height, 2), tuple(texts[at])) for at, each in enumerate(frames)
    ]
    wanted = [drawing for drawing in dict.fromkeys(by_page) if drawing[2]]
    if not wanted:
        return set()
    height = max(drawing[1] for drawing in wanted) + _HEADROOM_POINTS
    with missing_characters() as missing:
        drawn = lay_out(_pages(wanted, height)).write_pdf()
    with pikepdf.open(io.BytesIO(drawn)) as pages:
        drawings = {
            drawing: _drawing(document, page, drawing, height)
            for drawing, page in zip(wanted, pages.pages, strict=True)
        }
    for page, each, drawing in zip(document.pages, frames, by_page, strict=True):
        if drawing in drawings:
            draw_over(page, drawings[drawing], each.matrix())
    return missing


def _texts(stamps: Sequence[Mapping[str, Any]], count: int) -> list[list[str]]:
    """Returns for each page the stamps on it, as HTML."""
    texts: list[list[str]] = [[] for _ in range(count)]
    for each in stamps:
        pages = sorted(set(resolve(each.get("pages", "1-"), count)))
        shift = each["start"] - pages[0] if "start" in each else 1
        for page in pages:
            text = _filled(each["text"], {"{page}": str(page + shift), "{pages}": str(count - 1 + shift)})
            texts[page].append(f'<div class=s style="{_place(each)}">{html.escape(text)}</div>')
    return texts


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def _place(each: Mapping[str, Any]) -> str:
    """Returns the CSS of a stamp: its place, its font, its colour."""
    vertical, _, horizontal = str(each.get("position", "bottom-center")).partition("-")
    margin = each.get("margin", "10mm")
    style = f"left: {margin}; right: {margin}; text-align: {horizontal or 'center'};"
    style += "top: 50%; transform: translateY(-50%);" if vertical == "center" else f"{vertical}: {margin};"
    return (
        f"{style}font: {each.get('font_size', 9)}pt sans-serif; color: {each.get('color', '#000000')}; "
        f"opacity: {each.get('opacity', 1)}"
    )


def _pages(wanted: Sequence[Drawing], height: float) -> str:
    width = max(drawing[0] for drawing in wanted)
    boxes = "".join(
        f'<div class=w style="width: {across}pt; height: {up}pt">{"".join(texts)}</div>'
        for across, up, texts in wanted
    )
    page = f"@page {{ size: {width}pt {height}pt; margin: 0 }}"
    return f"<!doctype html><style>{page} {_STYLE}</style>{boxes}"


def _drawing(document: pikepdf.Pdf, page: pikepdf.Page, drawing: Drawing, height: float) -> Object:
    across, up, _ = drawing
    content, resources = upper_left(document, page, up, height)
    return document.make_stream(
        content,
        Type=Name.XObject,
        Subtype=Name.Form,
        BBox=Array([0, 0, across, up]),
        Resources=resources,
    )
