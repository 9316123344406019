"""Keywords as values of custom properties: ``--x: initial``.

They mean what they mean for every property (CSS Custom Properties for Cascading Variables 1,
section 2): with ``initial``, ``var(--x, blue)`` is ``blue``. WeasyPrint takes them for text, so
that it is ``initial``. Bootstrap's tables depend on it.

Also, mistakes such as ``var()`` and ``--x: calc()`` would fail the document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import weasyprint.css
import weasyprint.css.validation
from tinycss2 import parse_one_component_value
from weasyprint.css.functions import Function
from weasyprint.css.properties import INITIAL_VALUES
from weasyprint.css.tokens import get_single_keyword
from weasyprint.css.validation import properties

_BY_KEYWORD: Mapping[str | None, str] = {
    "initial": "initial",
    "inherit": "inherit",
    # Custom properties are inherited, and only documents set them.
    "unset": "inherit",
    "revert": "inherit",
    "revert-layer": "inherit",
}
_validate = properties.validate_non_shorthand


class _InitialValues(dict[str, Any]):
    """Initial values of all properties, custom ones included."""

    def __missing__(self, key: str) -> list[Any]:
        if not key.startswith("__"):
            raise KeyError(key)
        return []


_split_space: Any = Function.split_space
_NOTHING = parse_one_component_value("0")


def _at_least_one(self: Function) -> Any:
    return _split_space(self) or ([_NOTHING] if self.name == "var" else [])


def apply() -> None:
    weasyprint.css.INITIAL_VALUES = _InitialValues(INITIAL_VALUES)  # type: ignore[attr-defined]
    Function.split_space = _at_least_one  # type: ignore[method-assign]
    weasyprint.css.validation.validate_non_shorthand = _with_keywords  # type: ignore[attr-defined]
    properties.validate_non_shorthand = _with_keywords


def _with_keywords(tokens: Sequence[Any], name: str, *arguments: Any, **named: Any) -> Any:
    if name.startswith("--"):
        keyword = _BY_KEYWORD.get(get_single_keyword(tokens))
        if keyword is not None:
            return ((name, keyword),)
    return _validate(tokens, name, *arguments, **named)  # type: ignore[no-untyped-call]
