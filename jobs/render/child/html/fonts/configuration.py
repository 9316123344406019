"""The font configurations of a render child: a shared one, and one for fonts of a document."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from weasyprint.text.ffi import ffi, fontconfig, pangoft2
from weasyprint.text.fonts import FontConfiguration

from jobs.render.child.html.fonts import distinct
from jobs.render.child.html.fonts.replaced import Stack, families_of, fonts_of, key, replacement

_MAX_KEPT = 500
"""How many font stacks are kept with their answer: a search in all fonts takes up to 1 ms."""
_EMOJI_RULES = (files(__package__) / "emoji.conf").read_bytes()


class Fonts:
    """Replaces WeasyPrint's `FontConfiguration`, for one document after the other.

    For a new configuration, Pango reads every font again, and a configuration cannot drop the font
    of an ``@font-face``. So a document uses a configuration of its own from its first
    ``@font-face``, or its first uploaded font, on. The shared configuration stays warm, and
    documents leave nothing in it.
    """

    def __init__(self) -> None:
        self._shared: _Configuration | None = None
        self._own: _Configuration | None = None
        # Caches of WeasyPrint. They belong to the document, whichever configuration it uses.
        self.strut_layouts: dict[Any, Any] = {}
        self.font_features: dict[Any, Any] = {}
        self._replacement = lru_cache(_MAX_KEPT)(lambda stack: replacement(stack, self.load().config))
        self._fonts_of = lru_cache(_MAX_KEPT)(lambda stack: fonts_of(stack, self.load().config))
        self._own_families: dict[str, None] = {}

    @property
    def font_map(self) -> Any:
        """Pango's font map, which WeasyPrint reads whenever it lays out or draws text."""
        return (self._own or self.load()).font_map

    def load(self) -> _Configuration:
        """Returns the shared configuration. It is made when it is first used."""
        if self._shared is None:
            self._shared = _Configuration()
        return self._shared

    def unload(self) -> None:
        """Drops the shared configuration, and with it the thread that Pango has for each since
        1.51."""
        self._shared = None

    def add_font_face(self, rule_descriptors: dict[str, Any], url_fetcher: Any) -> None:
        """Loads the font of an ``@font-face`` for this document.

        It hides installed fonts of its family (CSS Fonts 4, 4.2). WeasyPrint prefers those.
        """
        family = rule_descriptors["font_family"]
        if self._add(rule_descriptors, url_fetcher) and not self.brings(family):
            self._own_families[family] = None
            self.hide_installed(family)

    def brings(self, family: str) -> bool:
        """Whether an ``@font-face`` of the document has loaded a font of this family."""
        return key(family) in map(key, self._own_families)

    def add_uploaded(self, family: str, url: str, url_fetcher: Any) -> bool:
        """Loads an uploaded font for this document. Returns whether it can be used."""
        return self._add({"font_family": family, "src": (("external", url),)}, url_fetcher)

    def hide_installed(self, family: str) -> None:
        """Hides the installed fonts of a family from this document, which has own fonts of it."""
        if self._own is not None:
            self._own.hide_installed(family)

    def _add(self, rule_descriptors: dict[str, Any], url_fetcher: Any) -> bool:
        if self._own is None:
            self._own = _Configuration()
            distinct.enable()
        before = self._own.added
        self._own.add_font_face(rule_descriptors, url_fetcher)
        return self._own.added > before

    @property
    def own_families(self) -> list[str]:
        """The fonts that the document has by ``@font-face``, without those that cannot be used."""
        return list(self._own_families)

    def fonts_of(self, stack: Stack) -> set[str]:
        """Returns the keys of the fonts that a stack stands for."""
        return fonts_of(stack, self._own.config) if self._own else self._fonts_of(stack)

    def replacement(self, stack: Stack) -> str | None:
        """Returns the font that is used instead of all that the stack names, or None."""
        return replacement(stack, self._own.config) if self._own else self._replacement(stack)

    def tidy_up(self) -> None:
        """Drops the document's fonts and removes their files.

        Call it after each document, when nothing refers to its objects any more.
        """
        self.strut_layouts.clear()
        self.font_features.clear()
        self._own_families.clear()
        if self._own is not None:
            _release(self._own)
            self._own = None
            distinct.disable()


class _Configuration(FontConfiguration):
    """WeasyPrint's, with the rules that keep text out of emoji fonts."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._add_emoji_rules()

    def add_font_face(self, rule_descriptors: dict[str, Any], url_fetcher: Any) -> None:
        super().add_font_face(rule_descriptors, url_fetcher)  # type: ignore[no-untyped-call]
        if "unicode_range" in rule_descriptors:
            self._add_emoji_rules()  # they must come after the rule that sets the characters

    @property
    def config(self) -> Any:
        """The `FcConfig`."""
        return self._config

    @property
    def added(self) -> int:
        """How many fonts there are beside the installed ones."""
        fonts = fontconfig.FcConfigGetFonts(self._config, fontconfig.FcSetApplication)
        return 0 if fonts == ffi.NULL else int(fonts.nfont)

    def hide_installed(self, family: str) -> None:
        """Takes the fonts of a family out of the set of installed fonts.

        Fontconfig prefers an installed font to another of the same name, and in the PDF both would
        be one font.
        """
        fonts = fontconfig.FcConfigGetFonts(self._config, fontconfig.FcSetSystem)
        wanted, kept = key(family), 0
        for place in range(fonts.nfont):
            font = fonts.fonts[place]
            if wanted in map(key, families_of(font)):
                fontconfig.FcPatternDestroy(font)  # gives back the reference that the set had
            else:
                fonts.fonts[kept] = font
                kept += 1
        if kept < fonts.nfont:
            fonts.nfont = kept
            pangoft2.pango_fc_font_map_config_changed(ffi.cast("PangoFcFontMap *", self.font_map))

    def _add_emoji_rules(self) -> None:
        fontconfig.FcConfigParseAndLoadFromMemory(self._config, _EMOJI_RULES, True)


def _release(fonts: FontConfiguration) -> None:
    """Takes the configuration from its font map. Pango 1.50 would leak it (0.2 MiB)."""
    pangoft2.pango_fc_font_map_set_config(ffi.cast("PangoFcFontMap *", fonts.font_map), ffi.NULL)
