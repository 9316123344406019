"""Makes a stylesheet of page options. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SIDES = ("top", "right", "bottom", "left")
_PLACES = {"header_html": "top", "footer_html": "bottom"}
_BOXES = ("left", "center", "right")


def page_stylesheet(options: Mapping[str, Any]) -> str | None:
    """Returns an ``@page`` rule for options about pages, or None without them.

    `header_html` and `footer_html` take the place of the document's own margin boxes there.

    Its declarations are ``!important``, so that the options win over the document.
    """
    declarations = []
    size = [options[name] for name in ("page_size", "orientation") if name in options]
    if size:
        declarations.append(f"size: {' '.join(size)} !important")
    margins = options.get("margins", {})
    declarations += [f"margin-{side}: {margins[side]} !important" for side in SIDES if side in margins]
    emptied = [place for name, place in _PLACES.items() if name in options]
    declarations += [f"@{place}-{box} {{ content: none !important }}" for place in emptied for box in _BOXES]
    return f"@page {{ {'; '.join(declarations)} }}" if declarations else None
