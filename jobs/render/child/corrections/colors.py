"""Colours of CSS Color 4 and 5, as Tailwind uses them.

- Colours such as ``oklch(…)`` are converted to sRGB where a gradient or a shadow needs that.
  WeasyPrint fails at it, and with it the document.
- The two shades of a border that is inset, outset, ridge or groove. WeasyPrint takes parts of a
  colour, which are from 0 to 1, for percentages, so that such borders are nearly black.
- Parts of a colour may be calculated (``calc()``).
- ``color-mix()`` mixes colours in their own space if they share one, else in sRGB, whatever space
  is asked for. The difference can be seen in mixes of two strong colours only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from colorsys import hsv_to_rgb
from typing import Any

import tinycss2.color4
import weasyprint.css.computed_values
import weasyprint.css.tokens
import weasyprint.css.validation.expanders
import weasyprint.css.validation.properties
import weasyprint.draw.color
import weasyprint.svg.utils
from tinycss2 import parse_one_component_value
from tinycss2.ast import FunctionBlock
from tinycss2.color5 import Color, parse_color
from weasyprint.css import resolve_math
from weasyprint.css.functions import check_math
from weasyprint.css.tokens import PercentageInMath, RelativeLengthInMath, split_on_comma

from jobs.render.child.corrections.conditions import keyword, significant

_MODULES: tuple[Any, ...] = (
    weasyprint.css.computed_values,
    weasyprint.css.tokens,
    weasyprint.css.validation.expanders,
    weasyprint.css.validation.properties,
    weasyprint.svg.utils,
)


_to: Any = tinycss2.color4.Color.to
_D50_TO_D65 = (
    (0.9554734527, -0.0230985369, 0.0632593087),
    (-0.028369707, 1.009995458, 0.021041399),
    (0.0123140017, -0.0205076964, 1.3303659366),
)
_D65_TO_SRGB = (
    (3.2409699419, -1.5373831776, -0.4986107603),
    (-0.9692436363, 1.8759675015, 0.0415550574),
    (0.0556300797, -0.2039769589, 1.0569715142),
)
"""Matrices of CSS Color 4, section 18, for coordinates of XYZ."""


def apply() -> None:
    for module in _MODULES:
        module.parse_color = _parse
    weasyprint.draw.color.hsv_to_rgb = _percentages  # type: ignore[attr-defined, assignment]
    tinycss2.color4.Color.to = _converted  # type: ignore[method-assign]


def _percentages(hue: float, saturation: float, value: float) -> tuple[float, ...]:
    return tuple(part * 100 for part in hsv_to_rgb(hue, saturation, value))


def _converted(self: Any, space: str) -> Any:
    try:
        return _to(self, space)
    except NotImplementedError:
        if space != "srgb":
            raise
    if self.space in ("lab", "lch", "xyz-d50"):
        coordinates = _multiplied(_D50_TO_D65, _to(self, "xyz-d50").coordinates)
    elif self.space in ("oklab", "oklch", "xyz-d65"):
        coordinates = _to(self, "xyz-d65").coordinates
    elif self.space == "device-cmyk":
        *inks, black = (each or 0 for each in self.coordinates)
        return Color("srgb", [(1 - ink) * (1 - black) for ink in inks], self.alpha)
    else:  # display-p3 and the like: nearly the same numbers
        return Color("srgb", [max(0, min(1, each or 0)) for each in self.coordinates[:3]], self.alpha)
    return Color("srgb", map(_gamma, _multiplied(_D65_TO_SRGB, coordinates)), self.alpha)


def _multiplied(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    return [sum(factor * value for factor, value in zip(row, vector, strict=True)) for row in matrix]


def _gamma(linear: float) -> float:
    """Returns a coordinate of sRGB, cut off at what screens show (CSS Color 4, section 10.2)."""
    linear = max(0.0, min(1.0, linear))
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * float(linear ** (1 / 2.4)) - 0.055


def _parse(input: Any, *schemes: Any) -> Any:
    color = parse_color(input, *schemes)
    if color is not None:
        return color
    token = parse_one_component_value(input) if isinstance(input, str) else input
    if token.type != "function":
        return None
    if token.lower_name == "color-mix":
        return _mixed(split_on_comma(token.arguments))
    arguments = [_solved(argument) for argument in token.arguments]
    if None in arguments or arguments == token.arguments:
        return None
    return parse_color(FunctionBlock(token.source_line, token.source_column, token.name, arguments), *schemes)


def _solved(token: Any) -> Any:
    """Returns a number for a ``calc()`` of numbers, None for another one, and other tokens as they
    are."""
    if token.type != "function" or not check_math(token):
        return token
    try:
        return resolve_math(token)
    except (PercentageInMath, RelativeLengthInMath):
        return None


def _mixed(parts: Sequence[Sequence[Any]]) -> Color | None:
    """Returns the mix that ``in oklab, red 30%, blue`` asks for (CSS Color 5, section 3)."""
    if len(parts) != 3 or keyword(next(iter(significant(parts[0])), _NOTHING)) != "in":
        return None
    colors, shares = [], []
    for part in parts[1:]:
        tokens = significant(part)
        percentages = [token.value for token in tokens if token.type == "percentage"]
        others = [token for token in tokens if token.type != "percentage"]
        if len(others) != 1 or len(percentages) > 1:
            return None
        color = _parse(others[0])
        if color is None or color == "currentcolor":
            return None
        colors.append(color)
        shares.append(percentages[0] / 100 if percentages else None)
    first, second = shares
    first = (0.5 if second is None else 1 - second) if first is None else first
    second = 1 - first if second is None else second
    total = first + second
    if total <= 0:
        return None
    return _mix(colors, (first / total, second / total), min(total, 1))


_NOTHING = parse_one_component_value("0")


def _mix(colors: Sequence[Color], shares: tuple[float, float], opacity: float) -> Color | None:
    for color, share, other in zip(colors, shares, reversed(colors), strict=True):
        if other.alpha == 0:  # a mix with nothing is thinner, and of the same colour
            return Color(color.space, color.coordinates, color.alpha * share * opacity)
    pair = [_in_rectangular_space(color) for color in colors]
    if pair[0].space != pair[1].space:
        pair = [color.to("srgb") for color in colors]
    alpha = sum(color.alpha * share for color, share in zip(pair, shares, strict=True))
    weights = [color.alpha * share / alpha for color, share in zip(pair, shares, strict=True)]
    coordinates = [
        round(sum(weight * (value or 0) for weight, value in zip(weights, values, strict=True)), 9)
        for values in zip(*(color.coordinates for color in pair), strict=True)
    ]
    return Color(pair[0].space, coordinates, alpha * opacity)


def _in_rectangular_space(color: Color) -> Any:
    if color.space in ("oklch", "lch"):
        lightness, chroma, hue = (each or 0 for each in color.coordinates)
        angle = math.radians(hue)
        coordinates = (lightness, chroma * math.cos(angle), chroma * math.sin(angle))
        return Color(color.space.replace("lch", "lab"), coordinates, color.alpha)
    return color if color.space in ("oklab", "lab") else color.to("srgb")
