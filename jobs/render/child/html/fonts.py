"""The fonts of a render child: one configuration that all documents share, and another for each that brings its own."""

from __future__ import annotations

from typing import Any

from weasyprint.text.ffi import ffi, pangoft2
from weasyprint.text.fonts import FontConfiguration


class Fonts:
    """Stands in for WeasyPrint's `FontConfiguration`, for one document after the other.

    A new configuration makes Pango look at every font again, and one that took an ``@font-face`` cannot forget it. So
    the first ``@font-face`` of a document sends the rest of it to a configuration of its own. The shared one stays
    warm, and no document can leave anything in it.
    """

    def __init__(self) -> None:
        self._shared = FontConfiguration()
        self._own: FontConfiguration | None = None
        # WeasyPrint's caches. They last as long as the document, whichever configuration it has come to.
        self.strut_layouts: dict[Any, Any] = {}
        self.font_features: dict[Any, Any] = {}

    @property
    def font_map(self) -> Any:
        """Pango's font map, asked for whenever text is laid out or drawn."""
        return (self._own or self._shared).font_map

    def add_font_face(self, rule_descriptors: dict[str, Any], url_fetcher: Any) -> None:
        """Loads the font of an ``@font-face`` for this document."""
        if self._own is None:
            self._own = FontConfiguration()
        self._own.add_font_face(rule_descriptors, url_fetcher)

    def tidy_up(self) -> None:
        """After each document, its objects being gone: forgets its fonts, and removes their files."""
        self.strut_layouts.clear()
        self.font_features.clear()
        if self._own is not None:
            _let_go(self._own)
            self._own = None


def _let_go(fonts: FontConfiguration) -> None:
    """Takes the configuration from the font map, which may not free it when it goes itself (Pango 1.50: 0.2 MiB)."""
    pangoft2.pango_fc_font_map_set_config(ffi.cast("PangoFcFontMap *", fonts.font_map), ffi.NULL)
