"""The styles of the document in SVG drawings that are part of it: ``.bar { fill: navy }``.

WeasyPrint draws an inline SVG as if it were a file of its own: nothing of the document's styles
reaches it, so that charts are black, and icons do not have the colour of their text. Here

- properties of SVG in the document's stylesheets go through the cascade as custom properties
  (``--svg-fill``), which WeasyPrint gives to every element. What an element of a drawing gets so is
  written into its ``style`` attribute before it is drawn;
- a drawing inherits the colour and the font of the element that it stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import weasyprint.html
from tinycss2 import serialize

_SVG = "{http://www.w3.org/2000/svg}svg"
_PREFIX = "--svg-"
_INHERITED = frozenset(
    (
        *("fill", "fill-opacity", "fill-rule", "stroke", "stroke-dasharray", "stroke-dashoffset"),
        *("stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-opacity", "stroke-width"),
        *("marker", "marker-end", "marker-mid", "marker-start", "text-anchor", "paint-order"),
        *("clip-rule", "color-interpolation", "color-interpolation-filters", "color-rendering"),
        *("shape-rendering", "dominant-baseline"),
    )
)
PROPERTIES = _INHERITED | frozenset(
    (
        *("alignment-baseline", "baseline-shift", "enable-background", "flood-color", "flood-opacity"),
        *("lighting-color", "stop-color", "stop-opacity", "vector-effect"),
        *("cx", "cy", "r", "rx", "ry", "x", "y"),
    )
)
"""Properties that have an effect in drawings only (SVG 2, property index)."""
_KEYS = {f"{_PREFIX}{name}".replace("-", "_"): name for name in PROPERTIES}
"""Properties by their names in the styles of WeasyPrint."""

_handle_svg = weasyprint.html.HTML_HANDLERS[_SVG]


def apply() -> None:
    weasyprint.html.HTML_HANDLERS[_SVG] = _with_styles


def cascading_name(name: str) -> str:
    """Returns the name under which a property of SVG goes through the cascade."""
    return f"{_PREFIX}{name}" if name in PROPERTIES else name


def _with_styles(element: Any, box: Any, get_image: Any, base_url: str | None) -> Any:
    context = get_image.keywords["context"]
    if context is not None:
        for each in element.iter():
            if (style := context.style_for(each)) is not None:
                _add_declarations(each, style)
        _inherit(element, box.style)
    return _handle_svg(element, box, get_image, base_url)


def _add_declarations(element: Any, style: Any) -> None:
    declarations = "; ".join(f"{name}: {value}" for name, value in _own(style))
    if declarations:
        element.set("style", f"{declarations}; {element.get('style', '')}")


def _own(style: Any) -> Iterator[tuple[str, str]]:
    """Yields what rules of the document declare for the element itself."""
    for key in style.cascaded:
        if (name := _KEYS.get(key)) is not None:
            if value := _text(style[key]):
                yield name, value
        elif key in ("opacity", "visibility") or (key == "display" and style[key] == ("none",)):
            yield key, "none" if key == "display" else str(style[key])
        elif key in _TEXT:
            yield key.replace("_", "-"), _TEXT[key](style[key])


def _inherit(svg: Any, style: Any) -> None:
    """Sets attributes, which are weaker than all styles, to what the drawing inherits."""
    for key, text in _TEXT.items():
        svg.attrib.setdefault(key.replace("_", "-"), text(style[key]))
    for key, name in _KEYS.items():
        if name in _INHERITED and (value := _text(style[key])):
            svg.attrib.setdefault(name, value)


def _text(tokens: Any) -> str:
    """Returns the value of a custom property, of which WeasyPrint has dropped the white space."""
    return " ".join(serialize([token]) for token in tokens or [])


def _color(color: Any) -> str:
    if color.space in ("hsl", "hwb"):
        color = color.to("srgb")
    name = color.space if color.space in ("lab", "lch", "oklab", "oklch") else f"color({color.space}"
    coordinates = " ".join(f"{each or 0:.6g}" for each in color.coordinates)
    return f"{name}{' ' if '(' in name else '('}{coordinates} / {color.alpha:g})"


def _families(families: Any) -> str:
    return ", ".join("'{}'".format(family.replace("\\", "").replace("'", "")) for family in families)


_TEXT: Mapping[str, Callable[[Any], str]] = {
    "color": _color,
    "font_family": _families,
    "font_size": lambda pixels: f"{pixels:g}px" if isinstance(pixels, int | float) else "16px",
    "font_style": str,
    "font_weight": str,
}
