"""Tells which ignored CSS would change nothing on paper, so that no warning is due."""

from __future__ import annotations

import logging
import re
from typing import Any

_PROPERTIES = frozenset(
    (
        *("color-adjust", "color-scheme", "forced-color-adjust", "print-color-adjust"),
        *("supported-color-schemes", "scrollbar-face-color", "user-select", "user-zoom"),
        *("text-rendering", "text-size-adjust", "font-smooth", "font-smoothing"),
        # Lines are always drawn through letters, which is what pages turn on by it.
        "text-decoration-skip-ink",
        *("contain", "content-visibility", "contain-intrinsic-size", "interpolate-size"),
        *("isolation", "transition-behavior", "backface-visibility", "app-region", "ime-mode"),
        # Word, LibreOffice and Google Docs
        *("so-language", "tab-interval", "tab-stops", "panose-1", "layout-grid", "layout-grid-mode"),
    )
)
"""Properties of screens and of programs that write HTML."""
_VENDORS = re.compile(r"\s*-(?:webkit|moz|ms|o|khtml|apple)-", re.IGNORECASE)
_WITHOUT_MEANING = frozenset({"", "auto", "inherit", "initial", "none", "normal", "unset", "revert"})
"""Values of an unknown property that ask for what happens anyway."""
_VARIABLES = re.compile(r"(?:var\(\s*--[^\s,()]+\s*,?\s*\)\s*)+")
"""Nothing but variables."""
_LEFT_EMPTY = frozenset({"filter", "backdrop-filter"})
"""Properties whose variables frameworks leave empty until a page sets them."""
_SCREEN_OVERFLOW = frozenset({"auto", "scroll", "visible", "overlay"})
_RULES = frozenset({"keyframes", "list", "starting-style", "viewport", "view-transition", "position-try"})
_OTHERS = frozenset({("line-break", "after-white-space"), ("zoom", "1"), ("zoom", "100%")})


def is_without_effect(record: logging.LogRecord) -> bool:
    """Tells whether the message is about CSS that has no effect on paper, or in one browser."""
    args: Any = record.args
    if not isinstance(args, tuple) or not args:
        return False
    if (rule := getattr(args[0], "lower_at_keyword", None)) is not None:
        # ``@charset`` has been obeyed, or has no effect.
        return rule == "charset" or (
            (rule.startswith("-") or rule in _RULES) and "Unknown" in str(record.msg)
        )
    if not str(record.msg).startswith("Ignored `") or len(args) < 5:
        return False
    return _declares_nothing(str(args[0]).lower(), str(args[1]).strip().lower(), str(args[4]))


def _declares_nothing(name: str, value: str, reason: str) -> bool:
    if not value:  # as with an unset ``var()``; browsers ignore it, too
        return True
    if name.startswith("mso-") or name in _PROPERTIES or _VENDORS.match(value):
        return True
    if name in ("overflow-x", "overflow-y"):
        return value in _SCREEN_OVERFLOW
    if name in _LEFT_EMPTY and _VARIABLES.fullmatch(value):
        return True
    return (reason == "unknown property" and value in _WITHOUT_MEANING) or (name, value) in _OTHERS
