"""Lengths and paper sizes in the notation of CSS. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_MM = {"mm": 1.0, "cm": 10.0, "in": 25.4, "pt": 25.4 / 72, "pc": 25.4 / 6, "px": 25.4 / 96, "q": 0.25}
_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(mm|cm|in|pt|pc|px|q)", re.IGNORECASE)
_MAX_MM = 5080.0
"""200 inches: the largest page that PDF readers show (ISO 32000-1, annex C)."""

_ISO_WIDTHS_MM = {
    "a": (841, 594, 420, 297, 210, 148, 105, 74, 52, 37, 26),
    "b": (1000, 707, 500, 353, 250, 176, 125, 88, 62, 44, 31),
    "c": (917, 648, 458, 324, 229, 162, 114, 81, 57, 40, 28),
    "jis-b": (1030, 728, 515, 364, 257, 182, 128, 91, 64, 45, 32),
}
_ISO_LONGEST_MM = {"a": 1189, "b": 1414, "c": 1297, "jis-b": 1456}


@dataclass(frozen=True, slots=True)
class Paper:
    """A sheet, in millimetres."""

    width: float
    height: float
    named: bool

    def turned(self) -> Paper:
        return Paper(self.height, self.width, self.named)


def _named_sizes() -> dict[str, Paper]:
    sizes = {
        f"{series}{number}": Paper(width, (_ISO_LONGEST_MM[series], *widths)[number], named=True)
        for series, widths in _ISO_WIDTHS_MM.items()
        for number, width in enumerate(widths)
    }
    sizes["letter"] = Paper(8.5 * 25.4, 11 * 25.4, named=True)
    sizes["legal"] = Paper(8.5 * 25.4, 14 * 25.4, named=True)
    sizes["ledger"] = Paper(11 * 25.4, 17 * 25.4, named=True)
    return sizes


NAMED_SIZES = _named_sizes()


def length_mm(length: str) -> float:
    """Returns the millimetres of a CSS length such as ``15mm`` or ``0``. Raises ValueError."""
    if length == "0":
        return 0.0
    match = _LENGTH.fullmatch(length)
    if match is None:
        raise ValueError(f"{length!r} is not a length such as 15mm, 2cm, 0.5in, 36pt or 48px")
    millimetres = float(match[1]) * _MM[match[2].lower()]
    if millimetres > _MAX_MM:
        raise ValueError(f"{length!r} is more than 200 inches, the largest page a PDF can have")
    return millimetres


def paper(size: str) -> Paper:
    """Returns the sheet of a name, width and height (``100mm 5in``), or the side of a square.

    Raises ValueError.
    """
    if (named := NAMED_SIZES.get(size.lower())) is not None:
        return named
    lengths = size.split()
    if not 1 <= len(lengths) <= 2:
        raise ValueError(
            "a page size is a name such as A4 or letter, or a width and a height such as 100mm 5in"
        )
    if len(lengths) == 1 and not size[:1].isdigit():
        raise ValueError(f"{size!r} is not a page size; known names are {', '.join(NAMED_SIZES)}")
    width, height = length_mm(lengths[0]), length_mm(lengths[-1])
    if not (width and height):
        raise ValueError("a page has a width and a height above zero")
    return Paper(width, height, named=False)


def contradiction(sheet: Paper, margins: Mapping[str, str]) -> str | None:
    """Returns why `margins` leave no room on `sheet`, or None if they do."""
    millimetres = {side: length_mm(length) for side, length in margins.items()}
    if millimetres.get("left", 0) + millimetres.get("right", 0) >= sheet.width:
        return "left and right margin together are as wide as the page"
    if millimetres.get("top", 0) + millimetres.get("bottom", 0) >= sheet.height:
        return "top and bottom margin together are as high as the page"
    return None
