"""Corrects mistakes of WeasyPrint, each by replacing one of its functions.

A correction goes when a release of WeasyPrint has it. `docs/contributing/internals.md` names the
tests that then fail.
"""

from __future__ import annotations

from jobs.render.child.corrections import (
    colors,
    conditional_rules,
    custom_properties,
    declarations,
    floats,
    font_size_math,
    grids,
    header_cells,
    inline_svg,
    licensed_fonts,
    malformed_urls,
    media_queries,
    selector_lists,
)


def apply() -> None:
    """Applies all corrections to this process. Calling it again changes nothing."""
    for correction in (
        colors,
        conditional_rules,
        custom_properties,
        declarations,
        floats,
        font_size_math,
        grids,
        header_cells,
        inline_svg,
        licensed_fonts,
        malformed_urls,
        media_queries,
        selector_lists,
    ):
        correction.apply()
