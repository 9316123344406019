"""Values that browsers know, as WeasyPrint knows them: ``windowtext``, ``break-word``.

While the declarations of a rule are read, `rule_being_read` tells to what the rule applies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import weasyprint.css
import weasyprint.css.validation
from tinycss2 import parse_component_value_list
from tinycss2.ast import Declaration, FunctionBlock
from weasyprint.css.tokens import split_on_comma

from jobs.render.child.corrections.conditions import keyword, significant
from jobs.render.child.corrections.inline_svg import cascading_name

_SAME = {
    # CSS Text 3, section 5.1: a legacy keyword with this effect
    ("word-break", "break-word"): ("overflow-wrap", "anywhere"),
    # They differ in spaces at the end of a line, which are seen only if they have a background.
    ("white-space", "break-spaces"): ("white-space", "pre-wrap"),
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
    known = (_known(each) if each.type == "declaration" else each for each in declarations)
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


def _known(declaration: Any) -> Any:
    name = declaration.lower_name
    if (cascading := cascading_name(name)) != name:
        return _changed(declaration, cascading, declaration.value)
    if name == "transform":
        if any(token.type == "function" and _is_3d(token) for token in declaration.value):
            return _changed(declaration, name, _flat(declaration.value))
    elif name in ("word-break", "white-space"):
        words = [keyword(token) for token in significant(declaration.value)]
        if len(words) == 1 and (same := _SAME.get((name, words[0]))) is not None:  # type: ignore[arg-type]
            return _changed(declaration, same[0], parse_component_value_list(same[1]))
    elif _WITH_COLORS.search(name) and any(keyword(token) in _SYSTEM_COLORS for token in declaration.value):
        return _changed(declaration, name, [_color(token) for token in declaration.value])
    return declaration


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
