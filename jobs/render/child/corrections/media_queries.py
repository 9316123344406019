"""Media queries with features: ``@media (min-width: 40rem)``.

WeasyPrint knows media types alone, and ignores rules with other queries. So the columns of pages
that use Bootstrap or Tailwind would stand below each other.

Queries are answered for paper (Media Queries 4): nothing moves, nobody points at anything, and the
width is that of a sheet with its margins. The sheet is that of the options, or A4. By CSS Paged
Media 3, section 7.1, `@page` rules of the document do not count here.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import weasyprint.css.media_queries
from tinycss2 import parse_component_value_list, serialize
from weasyprint.css.tokens import split_on_comma
from weasyprint.css.units import LENGTHS_TO_PIXELS, RESOLUTION_TO_DPPX
from weasyprint.css.validation.properties import validate_non_shorthand

from jobs.render.child.corrections.conditions import (
    Malformed,
    Truth,
    both,
    condition,
    keyword,
    negated,
    significant,
)

_A4 = (210 / 25.4 * 96, 297 / 25.4 * 96)
_ROOT_FONT_PIXELS = 16
"""``em`` and ``rem`` of media queries are the initial font size, whatever a document sets."""


class Medium(str):
    """The type of the medium, such as ``print``, with the size of a page in pixels."""

    page: tuple[float, float]

    def __new__(cls, type: str = "print", page: tuple[float, float] = _A4) -> Medium:
        medium = super().__new__(cls, type)
        medium.page = page
        return medium


def medium_of(options: Mapping[str, Any]) -> Medium:
    """Returns the medium that the options of a document ask for."""
    size = [options[name] for name in ("page_size", "orientation") if name in options]
    if not size:
        return Medium(options.get("media", "print"))
    tokens = significant(parse_component_value_list(" ".join(size)))
    (_, sides), *_ = validate_non_shorthand(tokens, "size")
    width, height = (side.value * LENGTHS_TO_PIXELS[side.unit] for side in sides)
    return Medium(options.get("media", "print"), (width, height))


def apply() -> None:
    weasyprint.css.media_queries.parse_media_query = parse
    weasyprint.css.media_queries.evaluate_media_query = evaluate


def parse(tokens: Sequence[Any]) -> list[str] | None:
    """Returns the queries of a list, or None if none of them follows the grammar."""
    tokens = significant(tokens)
    if not tokens:
        return ["all"]
    queries = []
    for part in split_on_comma(tokens):
        try:
            _matches(part, Medium())
        except Malformed:
            continue
        queries.append(" ".join(serialize([token]) for token in part))
    return queries or None


def evaluate(queries: Sequence[str], device: str) -> bool:
    """Tells whether one of the queries matches the medium."""
    medium = device if isinstance(device, Medium) else Medium(device)
    return any(_is_true(query, medium) for query in queries)


def _is_true(query: str, medium: Medium) -> bool:
    try:
        return _matches(significant(parse_component_value_list(query)), medium) is True
    except Malformed:
        return False


def _matches(tokens: Sequence[Any], medium: Medium) -> Truth:
    def feature(content: Sequence[Any]) -> Truth:
        return _feature(content, medium)

    if not tokens:
        raise Malformed
    prefix = keyword(tokens[0])
    if prefix in ("not", "only") and len(tokens) > 1 and keyword(tokens[1]) is not None:
        tokens = tokens[1:]
    else:
        prefix = None
    type = keyword(tokens[0])
    if type is None or type == "not":
        return condition(tokens, feature)
    if type in ("and", "or", "only", "layer"):
        raise Malformed
    truth: Truth = type in ("all", str(medium))
    if len(tokens) > 1:
        if keyword(tokens[1]) != "and" or any(keyword(token) == "or" for token in tokens):
            raise Malformed
        truth = both([truth, condition(tokens[2:], feature)])
    return negated(truth) if prefix == "not" else truth


_WORDS = {
    "update": "none",
    "overflow-block": "paged",
    "overflow-inline": "none",
    "hover": "none",
    "any-hover": "none",
    "pointer": "none",
    "any-pointer": "none",
    "scripting": "none",
    "color-gamut": "srgb",
    "dynamic-range": "standard",
    "display-mode": "browser",
    "forced-colors": "none",
    "inverted-colors": "none",
    "prefers-color-scheme": "light",
    "prefers-contrast": "no-preference",
    "prefers-reduced-data": "no-preference",
    # Nothing moves. What waits for an animation to appear would stay hidden.
    "prefers-reduced-motion": "reduce",
    "prefers-reduced-transparency": "no-preference",
}
_NUMBERS = {"grid": 0, "color": 8, "color-index": 0, "monochrome": 0, "resolution": math.inf}
"""`resolution` is infinite, because a PDF is drawn as finely as one looks at it."""
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": math.isclose,
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
_PREFIXED_RATIO = re.compile("-webkit-(min-|max-|)device-pixel-ratio|(min-|max-|)-moz-device-pixel-ratio")


def _feature(content: Sequence[Any], medium: Medium) -> Truth:
    if not content:
        raise Malformed
    name = keyword(content[0])
    if name is not None and len(content) == 1:
        value = _value_of(name, medium)
        return None if value is None else value not in (0, "none", "no-preference")
    if name is not None and content[1] == ":":
        return _with_value(name, content[2:], medium)
    return _in_range(content, medium)


def _value_of(name: str, medium: Medium) -> str | float | None:
    width, height = medium.page
    name = name.removeprefix("device-")
    if name in ("width", "height"):
        return width if name == "width" else height
    if name == "aspect-ratio":
        return width / height
    if name == "orientation":
        return "portrait" if height >= width else "landscape"
    return _WORDS.get(name, _NUMBERS.get(name))


def _with_value(name: str, tokens: Sequence[Any], medium: Medium) -> Truth:
    if (prefixed := _PREFIXED_RATIO.fullmatch(name)) is not None:
        name = f"{prefixed[1] or prefixed[2] or ''}resolution"
    comparison = {"min-": ">=", "max-": "<="}.get(name[:4], "=")
    actual = _value_of(name[4:] if comparison != "=" else name, medium)
    if actual is None or not tokens:
        return None
    if isinstance(actual, str):
        return keyword(tokens[0]) == actual if len(tokens) == 1 and comparison == "=" else None
    wanted = _number(tokens)
    return None if wanted is None else _OPERATORS[comparison](actual, wanted)


def _in_range(content: Sequence[Any], medium: Medium) -> Truth:
    """Decides ``width >= 40rem`` and ``400px < width <= 50em``."""
    operands: list[list[Any]] = [[]]
    comparisons: list[str] = []
    for token in content:
        if token.type == "literal" and token.value in "<>=":
            if token.value == "=" and comparisons and not operands[-1]:
                comparisons[-1] += "="
            else:
                comparisons.append(token.value)
                operands.append([])
        else:
            operands[-1].append(token)
    if not comparisons or len(comparisons) > 2 or not all(operands):
        raise Malformed
    truths: list[Truth] = []
    for comparison, left, right in zip(comparisons, operands, operands[1:], strict=False):
        if comparison not in _OPERATORS:
            raise Malformed
        if keyword(left[0]) is None:
            comparison, left, right = _MIRRORED[comparison], right, left
        actual, wanted = _value_of(keyword(left[0]) or "", medium), _number(right)
        known = isinstance(actual, float | int) and wanted is not None
        truths.append(_OPERATORS[comparison](actual, wanted) if known else None)  # type: ignore[arg-type]
    return both(truths)


def _number(tokens: Sequence[Any]) -> float | None:
    """Returns a number, ratio, length in pixels, or resolution in pixels per CSS pixel."""
    if len(tokens) == 3 and tokens[1] == "/":
        dividend, divisor = _number(tokens[:1]), _number(tokens[2:])
        return dividend / divisor if dividend is not None and divisor else None
    if len(tokens) != 1:
        return None
    (token,) = tokens
    if token.type == "number":
        return float(token.value)
    if token.type != "dimension":
        return None
    unit = token.lower_unit
    if unit in ("em", "rem"):
        return float(token.value * _ROOT_FONT_PIXELS)
    factor = LENGTHS_TO_PIXELS.get(unit, RESOLUTION_TO_DPPX.get(unit))
    return None if factor is None else float(token.value * factor)
