"""Prepares the HTML attributes that say how an element looks, such as ``bgcolor``, for WeasyPrint.

WeasyPrint maps them to CSS (presentational hints). It misreads a few values that browsers accept.
These are changed to values that it reads as browsers do. What it does not map at all is in
``presentational_hints.css``.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from tinycss2.color3 import parse_color

_COLORS = {
    "bgcolor": frozenset({"body", "table", "thead", "tbody", "tfoot", "tr", "td", "th"}),
    "bordercolor": frozenset({"table"}),
    "color": frozenset({"font", "hr"}),
    "text": frozenset({"body"}),
}
"""Elements by the attribute that has a colour."""

_HEX_COLOR = re.compile("#([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_HEX = frozenset("0123456789abcdef")
_NO_NAMES = ("transparent", "currentcolor")
_MAX_COLOR_CHARACTERS = 128


@cache
def stylesheet() -> str:
    """Returns CSS that the document cannot change."""
    return (files(__package__) / "presentational_hints.css").read_text("utf-8")


def prepare(tree: Any) -> None:
    """Changes attributes of the elements below `tree` that WeasyPrint would misread."""
    for attribute, tags in _COLORS.items():
        for element in tree.iterfind(f".//*[@{attribute}]"):
            if element.tag in tags:
                _set_color(element, attribute)
    for table in tree.iterfind(".//table[@border='']"):
        table.set("border", "1")
    for outer in tree.iterfind(".//table[@cellpadding]"):
        for inner in outer.iterfind(".//table"):
            if "cellpadding" not in inner.attrib:
                inner.set("cellpadding", "1")  # else it gets that of the outer table


def _set_color(element: Any, attribute: str) -> None:
    written = element.get(attribute)
    color = legacy_color(written)
    if color is None:
        del element.attrib[attribute]
    elif not _is_named(written) and not _HEX_COLOR.fullmatch(written.strip()):
        element.set(attribute, color)


def legacy_color(text: str) -> str | None:
    """Returns a name or ``#rrggbb``, or None if `text` is no colour.

    These are the rules for legacy colour values of the HTML standard (section 2.4.6), under which
    nearly every text is a colour.
    """
    text = text.strip(" \t\n\f\r")
    lower = text.lower()
    if lower in ("", "transparent"):
        return None
    if _is_named(lower):
        return lower
    if len(lower) == 4 and _HEX_COLOR.fullmatch(lower):
        return "#" + "".join(digit * 2 for digit in lower[1:])
    digits = "".join("00" if ord(character) > 0xFFFF else character for character in lower)
    digits = digits[:_MAX_COLOR_CHARACTERS].removeprefix("#")
    digits = "".join(digit if digit in _HEX else "0" for digit in digits)
    digits += "0" * (-len(digits) % 3 or (3 if not digits else 0))
    size = len(digits) // 3
    parts = [digits[start : start + size][-8:] for start in range(0, len(digits), size)]
    while len(parts[0]) > 2 and all(part[0] == "0" for part in parts):
        parts = [part[1:] for part in parts]
    return "#" + "".join(part[:2].rjust(2, "0") for part in parts)


def _is_named(text: str) -> bool:
    name = text.strip().lower()
    return name.isalpha() and name not in _NO_NAMES and parse_color(name) is not None
