"""Tells which HTML stands in the margin of a page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Place = Literal["top", "bottom"]

_OPTIONS: Mapping[Place, str] = {"top": "header_html", "bottom": "footer_html"}


class Variant(NamedTuple):
    """HTML for one place in the margin."""

    place: Place
    name: str
    """The option and its member, for messages."""
    html: str


class Variants:
    """The options `header_html` and `footer_html` of one document."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._found: dict[tuple[Place, str], Variant] = {
            (place, kind): Variant(place, option if kind == "default" else f"{option}/{kind}", html)
            for place, option in _OPTIONS.items()
            for kind, html in options.get(option, {}).items()
        }

    def __bool__(self) -> bool:
        return bool(self._found)

    def all(self) -> list[Variant]:
        """Returns those that put something on pages."""
        return [variant for variant in self._found.values() if variant.html.strip()]

    def on_page(self, place: Place, index: int, side: str) -> Variant | None:
        """Returns the one for the page at `index`, counted from 0, which is a ``left`` or
        ``right`` page."""
        kinds = (*(("first",) if index == 0 else ()), side, "default")
        found = next((self._found[place, kind] for kind in kinds if (place, kind) in self._found), None)
        return found if found is not None and found.html.strip() else None
