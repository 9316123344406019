"""Keywords as values of custom properties: ``--x: initial``.

They mean what they mean for every property (CSS Custom Properties for Cascading Variables 1,
section 2): with ``initial``, ``var(--x, blue)`` is ``blue``. WeasyPrint takes them for text, so
that it is ``initial``. Bootstrap's tables depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import weasyprint.css.validation
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


def apply() -> None:
    weasyprint.css.validation.validate_non_shorthand = _with_keywords  # type: ignore[attr-defined]
    properties.validate_non_shorthand = _with_keywords


def _with_keywords(tokens: Sequence[Any], name: str, *arguments: Any, **named: Any) -> Any:
    if name.startswith("--"):
        keyword = _BY_KEYWORD.get(get_single_keyword(tokens))
        if keyword is not None:
            return ((name, keyword),)
    return _validate(tokens, name, *arguments, **named)  # type: ignore[no-untyped-call]
