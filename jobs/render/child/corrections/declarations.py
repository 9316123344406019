"""Values that browsers know, as WeasyPrint knows them: ``windowtext``, ``break-word``.

While the declarations of a rule are read, `rule_being_read` tells to what the rule applies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import weasyprint.css
import weasyprint.css.validation
from tinycss2 import parse_component_value_list, serialize
from tinycss2.ast import Declaration, FunctionBlock
from weasyprint.css.tokens import split_on_comma

from jobs.render.child.corrections.conditions import keyword, significant
from jobs.render.child.corrections.inline_svg import cascading_name

_SAME = {
    # CSS Text 3, section 5.1: a legacy keyword with this effect
    ("word-break", "break-word"): ("overflow-wrap", "anywhere"),
    # They differ in spaces at the end of a line, which are seen only if they have a background.
    ("white-space", "break-spaces"): ("white-space", "pre-wrap"),
    # Nothing scrolls, so it stays where it is.
    ("position", "sticky"): ("position", "relative"),
    ("overflow", "clip"): ("overflow", "hidden"),
}
_PLACES = {
    "place-content": ("align-content", "justify-content"),
    "place-items": ("align-items", "justify-items"),
    "place-self": ("align-self", "justify-self"),
}
_FLAT = {"translate3d": "translate", "scale3d": "scale", "rotatez": "rotate"}
"""Functions that move things in three dimensions, by those that have the same effect in two."""
_INVISIBLE = frozenset({"translatez", "scalez"})

_SYSTEM_COLORS = {
    **dict.fromkeys(("canvastext", "windowtext", "buttontext", "fieldtext", "menutext", "infotext"), "black"),
    **dict.fromkeys(("captiontext", "windowframe", "threeddarkshadow"), "black"),
    **dict.fromkeys(("canvas", "window", "field", "highlighttext", "selecteditemtext"), "white"),
    **dict.fromkeys(("buttonface", "threedface", "threedlightshadow", "menu", "scrollbar"), "#efefef"),
    **dict.fromkeys(("buttonborder", "threedshadow", "buttonshadow", "graytext", "inactivecaption"), "gray"),
    **dict.fromkeys(("buttonhighlight", "threedhighlight", "appworkspace"), "white"),
    **dict.fromkeys(("highlight", "selecteditem", "accentcolor", "activecaption"), "#0078d7"),
    "linktext": "#0000ee",
    "visitedtext": "#551a8b",
    "activetext": "#ee0000",
    "infobackground": "#ffffe1",
    "mark": "yellow",
    "marktext": "black",
    "accentcolortext": "white",
    "background": "white",
}
"""The system colours of CSS Color 4, section 6.2 and appendix A, as on light paper."""
_WITH_COLORS = re.compile("color|border|background|outline|column-rule|text-decoration|shadow|fill|stroke")

_preprocess_declarations: Any = weasyprint.css.validation.preprocess_declarations
_being_read: list[Sequence[Any] | None] = []
"""The innermost rule is the last."""


def apply() -> None:
    weasyprint.css.preprocess_declarations = _with_known_values  # type: ignore[attr-defined]
    weasyprint.css.validation.preprocess_declarations = _with_known_values


def rule_being_read() -> Sequence[Any] | None:
    """Returns the selectors of the rule, or None outside of rules with selectors."""
    return _being_read[-1] if _being_read else None


def _with_known_values(
    base_url: str | None, declarations: Iterable[Any], prelude: Any = None
) -> Iterator[Any]:
    known = (
        same for each in declarations for same in (_known(each) if each.type == "declaration" else (each,))
    )
    found = _preprocess_declarations(base_url, known, prelude)
    while True:
        _being_read.append(prelude)
        try:
            declaration = next(found)
        except StopIteration:
            return
        finally:
            _being_read.pop()
        yield declaration


def _known(declaration: Any) -> Sequence[Any]:
    """Returns declarations with the same meaning that WeasyPrint knows."""
    name, value = declaration.lower_name, declaration.value
    if (cascading := cascading_name(name)) != name:
        return (_changed(declaration, cascading, value),)
    if name in _PLACES and len(parts := significant(value)) in (1, 2):
        words = zip(_PLACES[name], (parts[0], parts[-1]), strict=True)
        return [_changed(declaration, longhand, [word]) for longhand, word in words]
    if name == "grid-template-columns":
        return (_changed(declaration, name, _without_minimum(value)),)
    if name == "transform":
        if any(token.type == "function" and _is_3d(token) for token in value):
            return (_changed(declaration, name, _flat(value)),)
    elif name in ("overflow", "position", "white-space", "word-break"):
        words_of_value = [keyword(token) for token in significant(value)]
        if len(words_of_value) == 1 and (same := _SAME.get((name, words_of_value[0]))) is not None:  # type: ignore[arg-type]
            return (_changed(declaration, same[0], parse_component_value_list(same[1])),)
    elif _WITH_COLORS.search(name) and any(map(_may_change, value)):
        return (_changed(declaration, name, [_known_token(token) for token in value]),)
    return (declaration,)


def _without_minimum(tokens: Sequence[Any]) -> list[Any]:
    """Returns the tokens with ``10em`` for ``min(100%, 10em)``, which no grid needs on paper."""
    found: list[Any] = []
    for token in tokens:
        if token.type == "function":
            parts = split_on_comma(token.arguments)
            texts = [serialize(part).strip() for part in parts]
            if token.lower_name == "min" and len(parts) == 2 and "100%" in texts:
                found += parts[1 - texts.index("100%")]
                continue
            line, column = token.source_line, token.source_column
            token = FunctionBlock(line, column, token.name, _without_minimum(token.arguments))
        found.append(token)
    return found


def _may_change(token: Any) -> bool:
    return keyword(token) in _SYSTEM_COLORS or _is_gradient(token)


def _known_token(token: Any) -> Any:
    if not _is_gradient(token):
        return _color(token)
    stops = [_single_stops(part) for part in split_on_comma(token.arguments)]
    comma = parse_component_value_list(",")
    arguments = [each for stop in stops for each in (*comma, *stop)][1:]
    return FunctionBlock(token.source_line, token.source_column, token.name, arguments)


def _is_gradient(token: Any) -> bool:
    return bool(token.type == "function" and token.lower_name.endswith("-gradient"))


def _single_stops(stop: Sequence[Any]) -> list[Any]:
    """Returns ``red 0, red 50%`` for ``red 0 50%``: a stop has one place for WeasyPrint."""
    parts = significant(stop)
    places = [part for part in parts if part.type in ("dimension", "percentage", "number")]
    if len(places) != 2 or len(parts) != 3 or parts[0] in places:
        return list(stop)
    space = parse_component_value_list(" ")
    color, first, second = parts
    return [color, *space, first, *parse_component_value_list(","), color, *space, second]


def _color(token: Any) -> Any:
    color = _SYSTEM_COLORS.get(keyword(token) or "")
    return token if color is None else parse_component_value_list(color)[0]


def _is_3d(function: Any) -> bool:
    return function.lower_name in _FLAT or function.lower_name in _INVISIBLE


def _flat(tokens: Sequence[Any]) -> list[Any]:
    found = []
    for token in tokens:
        if token.type == "function" and token.lower_name in _FLAT:
            parts = split_on_comma(token.arguments)[:2]
            arguments = [*parts[0]]
            for part in parts[1:]:
                arguments += [*parse_component_value_list(","), *part]
            name = _FLAT[token.lower_name]
            found.append(FunctionBlock(token.source_line, token.source_column, name, arguments))
        elif token.type != "function" or token.lower_name not in _INVISIBLE:
            found.append(token)
    return found if significant(found) else list(parse_component_value_list("none"))


def _changed(declaration: Any, name: str, value: list[Any]) -> Declaration:
    return Declaration(
        declaration.source_line, declaration.source_column, name, name, value, declaration.important
    )
