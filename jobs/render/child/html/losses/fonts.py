"""Finds fonts that a document loads and does not use, and letters that none of its fonts has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fontTools import unicodedata  # type: ignore[import-untyped]
from weasyprint.text.ffi import ffi, pango
from weasyprint.text.fonts import get_pango_font_key

from jobs.render.child.html.fonts.configuration import Fonts
from jobs.render.child.html.fonts.replaced import Stack, key

_NO_SCRIPT = frozenset({"Zyyy", "Zinh", "Zzzz"})
"""Symbols, digits, combining marks and emojis (ISO 15924). Fonts with letters often lack them."""


class Fallback(NamedTuple):
    """Letters of a script that are drawn in a font that the document does not name."""

    script: str
    font: str
    example: str

    def describe(self, stack: Stack) -> str:
        return (
            f'{self.script} letters, such as "{self.example}", are drawn in "{self.font}": no font that the '
            f"font-family {', '.join(stack)} names has them."
        )


def unused(declared: Iterable[str], used: Iterable[Any]) -> list[str]:
    """Returns the families of `declared` in which no text is drawn.

    `used` are the fonts of the PDF, as WeasyPrint has them.
    """
    families = {key(font.family) for font in used}
    return [family for family in declared if key(family) not in families]


class Fallbacks:
    """Finds the fonts of letters that no font of their ``font-family`` has."""

    def __init__(self, used: Iterable[Any]) -> None:
        """`used` are the fonts of the PDF, with the texts of their glyphs."""
        self._families: dict[str, set[str]] = {}
        for font in used:
            for character in set("".join(font.to_unicode.values())):
                self._families.setdefault(character, set()).add(key(font.family))

    def of_stack(self, stack: Stack, texts: Mapping[str, Any], fonts: Fonts) -> Iterator[Fallback]:
        """Yields one fallback for each script and font.

        Args:
            stack: the names of a ``font-family``.
            texts: a text box with this ``font-family`` for each character.
            fonts: find out which fonts the names stand for.
        """
        named = set(map(key, stack))
        told: set[tuple[str, str]] = set()
        for character, box in texts.items():
            families = self._families.get(character)
            if not families or not families.isdisjoint(named):
                continue  # it may be drawn in a font that is named
            script = unicodedata.script(character)
            if script in _NO_SCRIPT or any((script, family) in told for family in families):
                continue
            accepted = fonts.fonts_of(stack)
            if not families.isdisjoint(accepted):
                continue
            font = _font_of(character, box)
            if font is not None and key(font) not in accepted:
                told.add((script, key(font)))
                yield Fallback(unicodedata.script_name(script), font, character)


def _font_of(character: str, box: Any) -> str | None:
    """Lays the text of a box out again, and returns the family of the font with this character."""
    layout = box.pango_layout
    layout.reactivate(box.style)
    try:
        line, _ = layout.get_first_line()
        text, run = layout.text.encode(), line.runs[0]
        while run != ffi.NULL:
            item, run = run.data.item, run.next
            if character in text[item.offset : item.offset + item.length].decode(errors="ignore"):
                _, description, _ = get_pango_font_key(item.analysis.font)
                family = ffi.string(pango.pango_font_description_get_family(description))
                return str(family.decode("utf-8", "replace"))
        return None
    finally:
        layout.deactivate()
