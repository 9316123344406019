"""Selectors of things that are not on paper: ``::placeholder``, ``:host``, ``::-webkit-…``.

WeasyPrint ignores the whole rule if one selector of its list is unknown. Browsers know these, so
they apply the rule to the others. The resets of Tailwind and the colours of Pico depend on it.
Pseudo-classes that are unknown to WeasyPrint are replaced by others, if that is possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import weasyprint.css.validation
from cssselect2 import SelectorError, compile_selector_list
from tinycss2 import parse_component_value_list, serialize
from tinycss2.ast import FunctionBlock
from weasyprint.css import PSEUDO_ELEMENTS
from weasyprint.css.tokens import split_on_comma
from weasyprint.logger import LOGGER

_NOT_ON_PAPER = frozenset(
    (
        *("backdrop", "file-selector-button", "placeholder", "selection", "target-text", "highlight"),
        *("grammar-error", "spelling-error", "search-text", "cue", "part", "slotted", "details-content"),
        *("view-transition", "view-transition-group", "view-transition-image-pair"),
        *("view-transition-new", "view-transition-old", "scroll-button", "scroll-marker"),
        *("scroll-marker-group", "picker", "picker-icon", "checkmark"),
        *("host", "host-context", "autofill", "fullscreen", "modal", "popover-open"),
        *("picture-in-picture", "active-view-transition", "state"),
    )
)
"""Pseudo-classes and pseudo-elements of screens, of windows, and of parts of form fields."""
_NEVER_THE_CASE = frozenset(
    (
        *("visited", "hover", "active", "focus", "focus-within", "focus-visible", "target"),
        *("target-within", "user-valid", "user-invalid", "playing", "paused", "seeking", "muted"),
    )
)
"""Pseudo-classes that WeasyPrint knows, and that match nothing on paper."""
_SAME = {
    "default": ":is([checked], [selected])",
    "defined": ":is(*)",
    "indeterminate": ":is(progress):not([value])",
    "open": "[open]",
    "optional": ":is(input, select, textarea):not([required])",
    "placeholder-shown": ":is(input, textarea)[placeholder]:not([value]:not([value='']))",
    "read-only": ":not(:is(input, textarea):not([readonly], [disabled]))",
    "read-write": ":is(input, textarea):not([readonly], [disabled])",
    "required": "[required]",
    "dir(ltr)": ":not([dir=rtl], [dir=rtl] *)",
    "dir(rtl)": ":is([dir=rtl], [dir=rtl] *)",
}
"""Selectors that match the same things, as far as paper shows them."""
_UNSUPPORTED = frozenset({"in-range", "invalid", "out-of-range", "valid"})
"""Pseudo-classes that match on paper, too, but are not supported."""


def apply() -> None:
    weasyprint.css.validation.compile_selector_list = _compile  # type: ignore[attr-defined, assignment]


def matches_nothing(prelude: Sequence[Any]) -> bool:
    """Tells whether no selector of a list can match on paper: ``a:hover, ::placeholder``."""
    if ":" not in prelude:
        return False
    parts = split_on_comma(list(prelude))
    return all(any(_is_elsewhere(name) for name in _pseudo_names(part)) for part in parts)


def _is_elsewhere(name: str) -> bool:
    return name.startswith("-") or name in _NOT_ON_PAPER or name in _NEVER_THE_CASE


def _compile(prelude: Iterable[Any]) -> list[Any]:
    tokens = list(prelude)
    try:
        selectors = list(compile_selector_list(tokens))
    except SelectorError as error:
        return _those_that_compile(_with_known(tokens), error)
    return [each for each in selectors if each.pseudo_element not in _NOT_ON_PAPER - PSEUDO_ELEMENTS]


def _those_that_compile(tokens: Sequence[Any], error: SelectorError) -> list[Any]:
    """Returns the selectors of the list that can be used.

    Raises `error` if nothing explains why another cannot.
    """
    selectors: list[Any] = []
    for part in split_on_comma(tokens):
        try:
            compiled = compile_selector_list(part)
        except SelectorError:
            names = set(_pseudo_names(part))
            if not any(map(_is_elsewhere, names)):
                if names.isdisjoint(_UNSUPPORTED):
                    raise error from None
                LOGGER.warning("Invalid or unsupported selector, '%s'", serialize(part).strip())
            continue
        selectors += (each for each in compiled if each.pseudo_element not in _NOT_ON_PAPER)
    return selectors


def _with_known(tokens: Sequence[Any]) -> list[Any]:
    """Returns the tokens with ``[required]`` for ``:required``, and the like."""
    found: list[Any] = []
    for token in tokens:
        if found and found[-1] == ":" and token.type in ("ident", "function"):
            if (same := _SAME.get(serialize([token]).lower())) is not None:
                found[-1:] = parse_component_value_list(same)
                continue
            if token.type == "function":
                line, column = token.source_line, token.source_column
                token = FunctionBlock(line, column, token.name, _with_known(token.arguments))
        found.append(token)
    return found


def _pseudo_names(tokens: Sequence[Any]) -> Iterable[str]:
    """Yields the names after colons, but not those in functions, such as ``:not(:hover)``."""
    after_colon = False
    for token in tokens:
        if after_colon and token.type == "ident":
            yield token.lower_value
        elif after_colon and token.type == "function":
            yield token.lower_name
        after_colon = token == ":"  # noqa: S105
