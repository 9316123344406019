"""Draws the values of form fields, so that every PDF reader shows the same (WeasyPrint).

Readers draw values by themselves only if they have the fonts, and many do not. So the texts of all
widgets become pages of one document, with its fonts embedded, and each page the appearance of a
widget.
"""

from __future__ import annotations

import html
import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pikepdf
from pikepdf import Array, Dictionary, Name, Object

from jobs.core.errors.job import FormInvalid
from jobs.render.child.pdf.forms.widgets import Look
from jobs.render.child.pdf.pages.drawings import LayOut, missing_characters, named, upper_left
from jobs.render.child.pdf.pages.frames import turning

_SMALLEST_FONT, _LARGEST_FLOWING_FONT = 4.0, 12.0
"""In points: the sizes between which text is made smaller until it fits."""
_PADDING = 2.0
_LINE_HEIGHT = 1.2
_ONE_LINE = 1.35
"""Height of a field of one line, in sizes of the font that fills it."""
_PIXELS_PER_POINT = 4 / 3
_TOLERANCE = 0.5
"""In points. Nobody sees that so little is cut off."""
_ENDLESS_POINTS = 10_000_000
"""Height of the page on which texts are measured: no text is split."""
_MOST_LINES = 200
"""Of a list that has more options, this many are drawn."""
_SELECTED = "#99c1da"


@dataclass(frozen=True, slots=True)
class Content:
    """What to draw into a widget."""

    field: str
    text: str
    look: Look
    multiline: bool = False
    cells: int | None = None
    """Number of cells with a character each."""
    lines: tuple[tuple[str, bool], ...] | None = None
    """Of a list: the options, and whether they are selected."""


@dataclass(frozen=True, slots=True)
class Appearances:
    streams: list[Object]
    """For each content."""
    cut: list[str]
    """Names of fields whose text does not fit, each once."""


def draw(document: pikepdf.Pdf, contents: Sequence[Content], lay_out: LayOut) -> Appearances:
    """Returns the appearances of the contents as streams of the document.

    Raises:
        FormInvalid: no font has some of the characters.
    """
    # Widgets that look the same, such as empty ones, share an appearance.
    alike: dict[Content, list[str]] = {}
    for content in contents:
        alike.setdefault(replace(content, field=""), []).append(content.field)
    if not alike:
        return Appearances([], [])
    distinct = list(alike)
    sizes, cut, height = _fitted(distinct, lay_out)
    with missing_characters() as missing:
        drawn = lay_out(_pages(distinct, sizes, height)).write_pdf()
    _refuse_missing(contents, missing)
    with pikepdf.open(io.BytesIO(drawn)) as pages:
        streams = {
            content: _stream(document, page, content.look, height)
            for content, page in zip(distinct, pages.pages, strict=True)
        }
    names = (name for content in cut for name in alike[content])
    return Appearances(
        [streams[replace(content, field="")] for content in contents], list(dict.fromkeys(names))
    )


# --- sizes of fonts -------------------------------------------------------------------------------


def _fitted(contents: Sequence[Content], lay_out: LayOut) -> tuple[list[float], list[Content], float]:
    """Returns the size of each font, the contents that are cut, and a height for all texts."""
    sizes = [content.look.font.size or _first_size(content) for content in contents]
    measured: dict[int, tuple[float, float]] = {}
    waiting = list(range(len(contents)))
    while waiting:
        measured |= dict(zip(waiting, _measured(contents, sizes, waiting, lay_out), strict=True))
        waiting = [at for at in waiting if _shrink(contents[at], sizes, at, *measured[at])]
    cut = [content for at, content in enumerate(contents) if not _fits(content, *measured[at])]
    heights = [max(content.look.height, measured[at][1]) for at, content in enumerate(contents)]
    return sizes, cut, max(heights) + 1


def _first_size(content: Content) -> float:
    if content.multiline or content.lines is not None:
        return _LARGEST_FLOWING_FONT
    return max(_SMALLEST_FONT, (content.look.height - 2 * content.look.border) / _ONE_LINE)


def _shrink(content: Content, sizes: list[float], at: int, width: float, height: float) -> bool:
    """Makes the font smaller if its size is free and the text does not fit.

    Returns whether it did.
    """
    is_fixed = content.look.font.size or content.lines is not None
    if is_fixed or sizes[at] <= _SMALLEST_FONT or _fits(content, width, height):
        return False
    if content.multiline:
        sizes[at] = max(_SMALLEST_FONT, sizes[at] - 1)
    else:
        sizes[at] = max(_SMALLEST_FONT, sizes[at] * _room(content)[0] / width * 0.99)
    return True


def _room(content: Content) -> tuple[float, float]:
    look = content.look
    edge = look.border + _PADDING
    return max(1.0, look.width - 2 * edge), look.height - 2 * (edge if content.multiline else look.border)


def _fits(content: Content, width: float, height: float) -> bool:
    if content.lines is not None:
        return True
    room = _room(content)
    too_high = content.multiline and height > room[1] + _TOLERANCE
    return not (too_high or (content.cells is None and width > room[0] + _TOLERANCE))


def _measured(
    contents: Sequence[Content], sizes: Sequence[float], wanted: Sequence[int], lay_out: LayOut
) -> Iterator[tuple[float, float]]:
    """Yields width and height of the texts, in points."""
    boxes = "".join(_widget(contents[at], sizes[at]) for at in wanted)
    width = max(contents[at].look.width for at in wanted)
    document = lay_out(f"{_style(width, _ENDLESS_POINTS)}{boxes}")
    for box in document.pages[0]._page_box.descendants():
        if box.element is not None and box.element.get("class") == "t" and box.element_tag == "div":
            yield box.width / _PIXELS_PER_POINT, box.height / _PIXELS_PER_POINT


# --- HTML -----------------------------------------------------------------------------------------


def _style(width: float, height: float) -> str:
    return (
        f"<!doctype html><style>@page {{ size: {width:.3f}pt {height:.3f}pt; margin: 0 }} body {{ margin: 0 }} "
        ".w { position: relative; box-sizing: border-box; overflow: hidden } "
        f".t {{ position: absolute; line-height: {_LINE_HEIGHT} }} .t > span {{ position: absolute }} "
        f".t > p {{ margin: 0; white-space: pre }} .t > p.s {{ background: {_SELECTED} }}</style>"
    )


def _pages(contents: Sequence[Content], sizes: Sequence[float], height: float) -> str:
    width = max(content.look.width for content in contents)
    boxes = "".join(_widget(content, size) for content, size in zip(contents, sizes, strict=True))
    return f"{_style(width, height)}<style>.w + .w {{ break-before: page }}</style>{boxes}"


def _widget(content: Content, size: float) -> str:
    look, font = content.look, content.look.font
    edge = look.border + _PADDING
    style = f"width: {look.width:.3f}pt; height: {look.height:.3f}pt;"
    if look.background:
        style += f"background: {look.background};"
    if look.border:
        sides, kind = ("-bottom", "solid") if look.border_style == "underline" else ("", look.border_style)
        style += f"border{sides}: {look.border:.3f}pt {kind} {look.border_color};"
    # Positions count from the inner side of the border.
    inset = 0 if look.border and look.border_style == "underline" else look.border
    text_style = (
        f"font: {'italic ' if font.italic else ''}{'bold ' if font.bold else ''}{size:.3f}pt {font.family};"
        f"line-height: {_LINE_HEIGHT};color: {font.color};direction: {_direction(content.text)};"
    )
    room = _room(content)
    if content.lines is not None:
        text_style += f"left: 0; top: 0; width: {look.width - 2 * inset:.3f}pt;"
        inner = "".join(
            f"<p{' class=s' if selected else ''} style='padding: 0 {_PADDING}pt'>{html.escape(line)}</p>"
            for line, selected in content.lines[:_MOST_LINES]
        )
    elif content.cells is not None:
        inner = _cells(content.text, content.cells, look)
        text_style += f"left: 0; top: 0; line-height: {room[1]:.3f}pt; height: {room[1]:.3f}pt; width: 1pt;"
    elif content.multiline:
        inner = html.escape(content.text)
        text_style += (
            f"left: {edge - inset:.3f}pt; top: {edge - inset:.3f}pt; width: {room[0]:.3f}pt;"
            f"white-space: pre-wrap; overflow-wrap: anywhere; text-align: {look.alignment};"
        )
    else:
        inner = html.escape(content.text)
        text_style += f"white-space: pre; line-height: {room[1]:.3f}pt; top: 0; {_place(look, edge - inset)}"
    return f'<div class=w style="{style}"><div class=t style="{text_style}">{inner}</div></div>'


def _place(look: Look, edge: float) -> str:
    """Returns CSS that puts a line to where it is aligned; it may be longer than the widget."""
    if look.alignment == "center":
        return "left: 50%; transform: translateX(-50%);"
    return f"{look.alignment}: {edge:.3f}pt;"


def _cells(text: str, count: int, look: Look) -> str:
    width = (look.width - 2 * look.border) / max(1, count)
    first = {"left": 0, "center": (count - len(text)) // 2, "right": count - len(text)}[look.alignment]
    return "".join(
        f"<span style='left: {(first + at) * width:.3f}pt; width: {width:.3f}pt; text-align: center'>"
        f"{html.escape(letter)}</span>"
        for at, letter in enumerate(text)
    )


def _direction(text: str) -> str:
    """Returns the direction of the first letter that has one (UAX #9, P2 and P3)."""
    for letter in text:
        kind = unicodedata.bidirectional(letter)
        if kind in ("L", "R", "AL"):
            return "ltr" if kind == "L" else "rtl"
    return "ltr"


def _refuse_missing(contents: Sequence[Content], missing: set[str]) -> None:
    texts: Mapping[str, str] = {
        content.field: content.text + "".join(line for line, _ in content.lines or ()) for content in contents
    }
    for field, text in texts.items():
        if lost := missing.intersection(text):
            raise FormInvalid(
                f"The field {field[:60]!r} cannot show these characters, because no font of the server has them: "
                f"{named(lost)}. Leave them out, or install a font that has them."
            )


# --- streams --------------------------------------------------------------------------------------


def _stream(document: pikepdf.Pdf, page: pikepdf.Page, look: Look, page_height: float) -> Object:
    """Makes the appearance of a page: the look is at its upper left."""
    content, resources = upper_left(document, page, look.height, page_height)
    start = f"/Tx BMC q 0 0 {look.width:.3f} {look.height:.3f} re W n\n".encode()
    return form_stream(document, start + content + b"\nQ EMC", look, resources)


def form_stream(document: pikepdf.Pdf, content: bytes, look: Look, resources: Object | None = None) -> Object:
    """Makes an appearance, turned as the widget is."""
    matrix = turning(look.rotation, look.width, look.height)
    return document.make_stream(
        content,
        Type=Name.XObject,
        Subtype=Name.Form,
        BBox=Array([0, 0, round(look.width, 3), round(look.height, 3)]),
        Matrix=Array([round(part, 3) for part in matrix]),
        Resources=Dictionary() if resources is None else resources,
    )
