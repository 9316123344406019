"""Reads from a widget how its field looks: size, border, colours, font. (ISO 32000-2, 12.5.6.19)"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pikepdf
from pikepdf import Array, Dictionary, Name, Object

from jobs.render.child.pdf.forms.fields import FormField, text

_LARGEST_POINTS = 14_400
"""The largest page of PDF 1.7 (annex C)."""
_LARGEST_FONT = 500
_ALIGNMENTS = ("left", "center", "right")
_BORDERS = {"/D": "dashed", "/B": "outset", "/I": "inset", "/U": "underline"}
_FAMILIES = (
    (("cour", "mono", "consol"), "Courier, 'Courier New', 'Liberation Mono', monospace"),
    (("times", "tiro", "tibo", "serif", "roman", "georgia", "garamond"), "Times, 'Liberation Serif', serif"),
)
_STYLES = frozenset({"regular", "roman", "bold", "italic", "oblique", "bolditalic", "boldoblique", "black"})
_SANS_SERIF = "Helvetica, Arial, 'Liberation Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Font:
    size: float
    """In points; 0 for as large as fits."""
    family: str
    """CSS."""
    bold: bool
    italic: bool
    color: str
    """CSS."""


@dataclass(frozen=True, slots=True)
class Look:
    """The look of a widget, before it is rotated. Sizes are in points."""

    width: float
    height: float
    rotation: Literal[0, 90, 180, 270]
    """Degrees, counter-clockwise."""
    border: float
    border_style: str
    border_color: str | None
    background: str | None
    alignment: str
    font: Font
    mark: str
    """Of a button: a character of ZapfDingbats."""


def look(field: FormField, widget: Object, form: Object) -> Look | None:
    """Returns the look of a widget of the field; None if it has no area. `form` is the AcroForm."""
    corners = numbers(widget.get(Name.Rect))
    if len(corners) != 4:
        return None
    width, height = abs(corners[2] - corners[0]), abs(corners[3] - corners[1])
    if not (0 < width <= _LARGEST_POINTS and 0 < height <= _LARGEST_POINTS):
        return None
    marks = _dictionary(widget.get(Name.MK))
    turned = _number(marks.get(Name.R)) % 360
    rotation = turned if turned in (90, 180, 270) else 0
    if rotation in (90, 270):
        width, height = height, width
    border_color = css_color(numbers(marks.get(Name.BC)))
    style = _dictionary(widget.get(Name.BS))
    border = max(0.0, _number(style.get(Name.W, 1))) if border_color else 0.0
    return Look(
        width=width,
        height=height,
        rotation=rotation,  # type: ignore[arg-type]
        border=min(border, width / 4, height / 4),
        border_style=_BORDERS.get(str(style.get(Name.S, "")), "solid"),
        border_color=border_color,
        background=css_color(numbers(marks.get(Name.BG))),
        alignment=_alignment(field, widget, form),
        font=_font(field, widget, form),
        mark=text(marks.get(Name.CA))[:1],
    )


def _alignment(field: FormField, widget: Object, form: Object) -> str:
    value = widget.get(Name.Q, field.inherited.get("/Q", form.get(Name.Q, 0)))
    return _ALIGNMENTS[value] if isinstance(value, int) and 0 <= value <= 2 else "left"


def _font(field: FormField, widget: Object, form: Object) -> Font:
    default = text(widget.get(Name.DA)) or text(field.inherited.get("/DA")) or text(form.get(Name.DA))
    size, name, color = 0.0, "", "#000000"
    operands: list[str] = []
    for part in default.split()[:100]:
        if part == "Tf" and len(operands) >= 2:
            size, name = _float(operands[-1]), operands[-2]
        elif part in ("g", "rg", "k"):
            count = {"g": 1, "rg": 3, "k": 4}[part]
            color = css_color([_float(each) for each in operands[-count:]]) or color
        operands = [*operands, part] if not part.isalpha() else []
    base = _base_font(form, name)
    described = base.lower()
    families = (css for parts, css in _FAMILIES if any(part in described for part in parts))
    is_sans = "sans" in described and "mono" not in described
    return Font(
        size=size if 0 < size <= _LARGEST_FONT else 0.0,
        family=f"'{_family(base)}', {_SANS_SERIF if is_sans else next(families, _SANS_SERIF)}",
        bold=any(part in described for part in ("bold", "black", "heavy", "hebo", "tibo", "cobo")),
        italic=any(part in described for part in ("italic", "oblique")),
        color=color,
    )


def _base_font(form: Object, name: str) -> str:
    """Returns the name of the font that the form has under this name, or the name itself."""
    fonts = _dictionary(_dictionary(form.get(Name.DR)).get(Name.Font))
    font = _dictionary(fonts.get(name)) if len(name) > 1 and name[0] == "/" else Dictionary()
    base = font.get(Name.BaseFont)
    return str(base) if isinstance(base, Name) else name


def _family(base: str) -> str:
    """Returns the family of a font: ``Noto Sans`` for ``/ABCDEF+Noto-Sans-Bold``."""
    parts = re.split(r"[-,_ ]", re.sub(r"^/([A-Z]{6}\+)?", "", base))
    return re.sub(r"[^A-Za-z0-9 ]", "", " ".join(part for part in parts if part.lower() not in _STYLES))


def css_color(parts: Sequence[float]) -> str | None:
    """Returns the color with these 1, 3 or 4 parts between 0 and 1; None without or with others."""
    parts = [min(1.0, max(0.0, part)) for part in parts]
    if len(parts) == 4:
        parts = [(1 - part) * (1 - parts[3]) for part in parts[:3]]
    if len(parts) == 1:
        parts = parts * 3
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts) if len(parts) == 3 else None


def numbers(value: object) -> list[float]:
    """Returns the numbers of an array; none if it is not one, or has something else in it."""
    if not isinstance(value, Array) or len(value) > 10:
        return []
    try:
        found = [float(each) for each in value]
    except (TypeError, ValueError):
        return []
    return found if all(map(math.isfinite, found)) else []


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return 0.0


def _float(text: str) -> float:
    found = _number(text)
    return found if math.isfinite(found) else 0.0


def _dictionary(value: object) -> pikepdf.Object:
    return value if isinstance(value, Dictionary) else Dictionary()
