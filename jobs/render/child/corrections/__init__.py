"""Corrects mistakes of WeasyPrint, each by replacing one of its functions.

A correction goes when a release of WeasyPrint has it. `docs/contributing/internals.md` names the
tests that then fail.
"""

from __future__ import annotations

from jobs.render.child.corrections import border_colors, custom_properties, malformed_urls


def apply() -> None:
    """Applies all corrections to this process. Calling it again changes nothing."""
    border_colors.apply()
    custom_properties.apply()
    malformed_urls.apply()
