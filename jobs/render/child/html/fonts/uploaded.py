"""Loads fonts that the tenant has uploaded, for a document that names them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from weasyprint.text.line_break import Layout
from weasyprint.urls import URLFetcher, URLFetcherResponse

from jobs.render.child.html.fetcher import Ask
from jobs.render.child.html.fonts.configuration import Fonts
from jobs.render.child.html.fonts.replaced import GENERIC, key

_set_up = Layout.setup


class UploadedFonts:
    """The uploaded fonts that one document can use.

    A font is loaded just before the first text is laid out whose ``font-family`` names it, in
    whatever stylesheet that stands. All fonts of the family are loaded then, and hide installed
    fonts of its name. A font that the document brings itself by ``@font-face`` comes first.
    """

    def __init__(self, fonts: Fonts, ask: Ask, offered: Sequence[Sequence[str]]) -> None:
        """`offered` are the family names of each font, by the numbers that `ask` needs."""
        self._fonts = fonts
        self._ask = ask
        self._offered = offered
        self._numbers: dict[str, list[int]] = {}
        """By the key of a family. One that text has named is taken out."""
        for number, families in enumerate(offered):
            for name in {key(family): None for family in families}:
                if name not in GENERIC:
                    self._numbers.setdefault(name, []).append(number)
        self._loaded: dict[int, bool] = {}
        """Whether a font that was asked for can be used."""
        self._seen: set[tuple[str, ...]] = set()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        if not self._numbers:
            yield
            return
        Layout.setup = self._before_setup()  # type: ignore[method-assign]
        try:
            yield
        finally:
            Layout.setup = _set_up  # type: ignore[method-assign]

    def _before_setup(self) -> Any:
        def setup(layout: Layout, style: Any) -> None:
            families = tuple(style["font_family"])
            if families not in self._seen:
                self._seen.add(families)
                self._load(families)
            _set_up(layout, style)  # type: ignore[no-untyped-call]

        return setup

    def _load(self, families: Iterable[str]) -> None:
        for family in families:
            numbers = self._numbers.pop(key(family), [])
            if numbers and not self._fonts.brings(family):
                usable = [number for number in numbers if self._load_font(number)]
                if usable:
                    self._fonts.hide_installed(family)

    def _load_font(self, number: int) -> bool:
        if number not in self._loaded:
            content = self._ask({"type": "font", "number": number}).body
            family, url = self._offered[number][0], f"uploaded:{number}"
            self._loaded[number] = self._fonts.add_uploaded(family, url, _Content(content))
        return self._loaded[number]


class _Content(URLFetcher):
    """Answers with the content of a font, whatever the URL."""

    def __init__(self, content: bytes) -> None:
        super().__init__(allow_redirects=False)  # type: ignore[no-untyped-call]
        self._content = content

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
        return URLFetcherResponse(url, self._content, {"Content-Type": "font/sfnt"}, 200)
