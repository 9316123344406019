"""The two shades of a border that is inset, outset, ridge or groove.

WeasyPrint takes parts of a colour, which are from 0 to 1, for percentages. So such borders, as
those of a table with ``border``, are nearly black.
"""

from __future__ import annotations

from colorsys import hsv_to_rgb

import weasyprint.draw.color


def apply() -> None:
    weasyprint.draw.color.hsv_to_rgb = _percentages  # type: ignore[attr-defined, assignment]


def _percentages(hue: float, saturation: float, value: float) -> tuple[float, ...]:
    return tuple(part * 100 for part in hsv_to_rgb(hue, saturation, value))
