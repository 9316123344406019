"""``font-size: calc(1.3rem + 1vw)``, as Bootstrap's headings have it.

WeasyPrint asks for the font size of an element while it computes this font size. After a thousand
rounds it gives up, and takes that of the parent.
"""

from __future__ import annotations

from typing import Any

import weasyprint.css
from weasyprint.css.properties import INITIAL_VALUES
from weasyprint.css.units import FONT_UNITS, to_pixels


def apply() -> None:
    weasyprint.css.to_pixels = _to_pixels  # type: ignore[attr-defined]


def _to_pixels(value: Any, style: Any, property_name: str, font_size: float | None = None) -> Any:
    unit = value.unit.lower() if value.value else ""
    if property_name == "font_size" and font_size is None and unit in FONT_UNITS:
        if unit == "rem" and style.is_root_element:
            return value.value * INITIAL_VALUES["font_size"]
        parent = style.parent_style
        font_size = INITIAL_VALUES["font_size"] if parent is None else parent["font_size"]
    return to_pixels(value, style, property_name, font_size)
