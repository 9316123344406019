"""Tells which fonts a document asks for that are not installed, and what is used instead.

A font stack is replaced if it begins with the name of a font, and no font that it names is there.
A font with the same widths as another, such as Liberation Sans and Arial, counts as that one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from weasyprint.text import line_break
from weasyprint.text.ffi import ffi, fontconfig
from weasyprint.text.fonts import get_font_description

Stack = tuple[str, ...]

GENERIC = frozenset(
    (
        *("serif", "sans-serif", "monospace", "cursive", "fantasy", "system-ui", "emoji", "math"),
        *("ui-serif", "ui-sans-serif", "ui-monospace", "ui-rounded", "fangsong"),
        *("-apple-system", "blinkmacsystemfont", "-webkit-standard"),
    )
)
"""Names that leave the choice to the system (CSS Fonts 4, 2.1.3), and those of browsers."""

_ARIAL = frozenset({"liberation sans", "arimo", "nimbus sans", "arial", "helvetica"})
_TIMES = frozenset({"liberation serif", "tinos", "nimbus roman", "times", "times new roman"})
_COURIER = frozenset({"liberation mono", "cousine", "nimbus mono ps", "courier", "courier new"})
_SAME_MEASURES = {
    **dict.fromkeys(("arial", "helvetica"), _ARIAL),
    **dict.fromkeys(("times", "times new roman"), _TIMES),
    **dict.fromkeys(("courier", "courier new"), _COURIER),
    "arial narrow": frozenset({"liberation sans narrow"}),
    "calibri": frozenset({"carlito"}),
    "cambria": frozenset({"caladea"}),
    "georgia": frozenset({"gelasio"}),
}
"""Fonts with letters of the same widths, by the font that a document names."""


class UsedFonts:
    """Notes each font stack for which text is laid out, while `in_use`."""

    def __init__(self) -> None:
        self._families: dict[Stack, None] = {}

    @property
    def stacks(self) -> dict[Stack, None]:
        """The stacks, each once."""
        return dict.fromkeys(map(split, self._families))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        self._families.clear()
        line_break.get_font_description = self._noting  # type: ignore[attr-defined]
        try:
            yield
        finally:
            line_break.get_font_description = get_font_description  # type: ignore[attr-defined]

    def _noting(self, style: Any) -> Any:
        self._families[tuple(style["font_family"])] = None
        return get_font_description(style)


def split(families: Stack) -> Stack:
    """Returns the names of a ``font-family``. WeasyPrint joins, and Pango splits them by commas."""
    return tuple(",".join(families).split(","))


def names_font(stack: Stack) -> bool:
    """Tells whether the stack begins with a font, and does not leave the choice to the system."""
    return key(stack[0]) not in GENERIC


def replacement(stack: Stack, config: Any) -> str | None:
    """Returns the font that replaces the whole stack, or None if there is one that it names.

    `config` is the `FcConfig` that the document uses, with its own fonts.
    """
    if not names_font(stack) or any(is_there(name, config) for name in _named(stack)):
        return None
    return _best_of(stack, config)[0]


def fonts_of(stack: Stack, config: Any) -> set[str]:
    """Returns the keys of the fonts that a stack stands for: all it names, and its first one."""
    there = [name for name in _named(stack) if is_there(name, config)]
    found = [_best_of(stack, config), *(_best_of((name,), config) for name in there)]
    return {key(name) for names in found for name in names} | {key(name) for name in _named(stack)}


def warning(stack: Stack, used: str) -> str:
    """Says what `replacement` has returned, and what can be done about it."""
    names = ", ".join(f'"{name.strip()}"' for name in _named(stack))
    missing = f"The font {names} is not" if len(_named(stack)) == 1 else f"None of the fonts {names} is"
    return (
        f'{missing} installed on the server. "{used}" is used instead. '
        "Upload the font (PUT /v1/fonts/{name}), send a file along and name it by @font-face, or install it."
    )


def _named(stack: Stack) -> Stack:
    return tuple(name for name in stack if key(name) not in GENERIC)


def is_there(name: str, config: Any) -> bool:
    """Tells whether the font, or one with the same widths, can be used."""
    accepted = {key(name)} | _SAME_MEASURES.get(key(name), frozenset())
    return not accepted.isdisjoint(map(key, _best_of((name,), config)))


def _best_of(names: Stack, config: Any) -> list[str]:
    """Returns the names of the font that is used for these names."""
    pattern = ffi.gc(fontconfig.FcPatternCreate(), fontconfig.FcPatternDestroy)
    for name in names:
        fontconfig.FcPatternAddString(pattern, b"family", name.strip().encode("utf-8", "replace"))
    fontconfig.FcConfigSubstitute(config, pattern, fontconfig.FcMatchPattern)
    fontconfig.FcDefaultSubstitute(pattern)
    match = fontconfig.FcFontMatch(config, pattern, ffi.new("FcResult *"))
    if match == ffi.NULL:
        return ["another font"]
    match = ffi.gc(match, fontconfig.FcPatternDestroy)
    return families_of(match) or ["another font"]


def families_of(font: Any) -> list[str]:
    """Returns the family names of a font, an `FcPattern`."""
    families: list[str] = []
    text = ffi.new("FcChar8 **")
    while fontconfig.FcPatternGetString(font, b"family", len(families), text) == fontconfig.FcResultMatch:
        families.append(ffi.string(text[0]).decode("utf-8", "replace"))
    return families


def key(name: str) -> str:
    """Returns what is the same for all spellings of the name of a font."""
    return " ".join(name.lower().split())
